"""Streams of events, in a real browser."""

from typing import Any

import pytest

from .serving import Modules


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_is_cut_into_messages_wherever_it_was_torn(run: Any, size: int, end: str) -> None:
    lines = [
        ": hello",
        "",
        "id: 4",
        "event: evaluated",
        "data: one",
        "data:two",
        "",
        "retry: 9",
        "data",
        "",
        "event: x",
        "",
        "data: z",
        "",
    ]
    text = end.join(lines) + end
    heard = run(
        """
        const { EventStreamParser } = await load("sse.js");
        const heard = [];
        const parser = new EventStreamParser((message) => heard.push(message));
        for (let i = 0; i < given.text.length; i += given.size) parser.push(given.text.slice(i, i + given.size));
        parser.push("");
        return heard;
        """,
        {"text": text + ": the next line shows that the last one has ended\n", "size": size},
    )
    assert heard == [
        {"id": "4", "event": "evaluated", "data": "one\ntwo"},
        {"id": None, "event": "message", "data": ""},
        {"id": None, "event": "message", "data": "z"},
    ]


def test_a_broken_stream_goes_on_after_the_last_event_with_the_key(run: Any, modules: Modules) -> None:
    heard = run(
        """
        const { setKey } = await load("api.js");
        const { follow } = await load("sse.js");
        setKey("pk_test");
        const heard = [];
        const connected = [];
        const signal = new AbortController().signal;
        const onMessage = ({ event, data }) => heard.push([event, data]);
        await follow("/stream", { signal, onMessage, onConnection: (on) => connected.push(on) });
        return [heard, connected];
        """
    )
    assert heard == [
        [
            ["started", "{}"],
            ["progress", "1"],
            ["evaluated", "two\nlines"],
            ["succeeded", "{}"],
            ["end", "{}"],
        ],
        [True, False, True, False, True],
    ]
    assert modules.last_event_ids == [None, "1", "2"]
    assert modules.keys == ["Bearer pk_test"] * 3
