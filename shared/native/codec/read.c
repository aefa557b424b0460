/* Events of a track: a walk in which every byte is checked against the end of its track before it is read. */
#include "native.h"

enum { LONGEST_NUMBER = 4, END_OF_TRACK = 0x2F, TEMPO = 0x51, METRE = 0x58, LARGEST_POWER = 7 };

/* A number of variable length at *at; 0 where it is cut off or too long. */
static int number(const uint8_t *data, int64_t *at, int64_t stop, int64_t *value)
{
    int64_t sum = 0;
    for (int i = 0; i < LONGEST_NUMBER; i++) {
        if (*at >= stop)
            return 0;
        uint8_t byte = data[(*at)++];
        sum = sum << 7 | (byte & 0x7F);
        if (byte < 0x80) {
            *value = sum;
            return 1;
        }
    }
    return 0;
}

static void keep_tempo(const uint8_t *content, int64_t tick, Counts *counts, const Events *out)
{
    int64_t microseconds = (int64_t)content[0] << 16 | (int64_t)content[1] << 8 | content[2];
    if (!microseconds)
        return;
    if (out) {
        out->tempo_tick[counts->tempos] = tick;
        out->tempo[counts->tempos] = microseconds;
    }
    counts->tempos++;
}

static void keep_metre(const uint8_t *content, int64_t tick, Counts *counts, const Events *out)
{
    if (content[0] == 0 || content[1] > LARGEST_POWER)
        return;
    if (out) {
        out->metre_tick[counts->metres] = tick;
        out->metre[2 * counts->metres] = content[0];
        out->metre[2 * counts->metres + 1] = (uint8_t)(1 << content[1]);
    }
    counts->metres++;
}

static void keep_message(const uint8_t *pair, uint8_t status, int64_t tick, int64_t track, int64_t offset,
                         Counts *counts, const Events *out)
{
    uint8_t strikes = (status & 0xF0) == 0x90 && pair[1] > 0;
    if (out) {
        int64_t place = counts->messages;
        out->tick[place] = tick;
        out->track[place] = track;
        out->offset[place] = offset;
        out->channel[place] = status & 0x0F;
        out->pitch[place] = pair[0];
        out->velocity[place] = pair[1];
        out->strikes[place] = strikes;
    }
    counts->messages++;
    counts->strikes += strikes;
}

/* A meta or sysex event with its status at *at: past it, and whether it was end_of_track; -1 where it is not in order. */
static int system_event(const uint8_t *data, int64_t *at, int64_t stop, int64_t tick, Counts *counts, const Events *out)
{
    int64_t lead = *at, size;
    uint8_t status = data[lead];
    if (status != 0xF0 && status != 0xF7 && status != 0xFF)
        return -1;
    *at = lead + (status == 0xFF ? 2 : 1);
    if (!number(data, at, stop, &size) || size > stop - *at)
        return -1;
    const uint8_t *content = data + *at;
    *at += size;
    if (status != 0xFF)
        return 0;
    /* The length as one byte: content of that many bytes follows it, as was checked. */
    if (data[lead + 1] == TEMPO && data[lead + 2] == 3)
        keep_tempo(content, tick, counts, out);
    else if (data[lead + 1] == METRE && data[lead + 2] == 4)
        keep_metre(content, tick, counts, out);
    return data[lead + 1] == END_OF_TRACK;
}

Outcome read_track(const uint8_t *data, int64_t start, int64_t stop, int64_t track, Counts *counts, const Events *out)
{
    int64_t at = start, tick = 0, delta;
    uint8_t running = 0;
    while (at < stop) {
        int64_t offset = at;
        if (!number(data, &at, stop, &delta) || at >= stop)
            return REFUSED;
        tick += delta;
        if (data[at] >= 0xF0) {
            int ended = system_event(data, &at, stop, tick, counts, out);
            if (ended < 0)
                return REFUSED;
            if (ended) {
                counts->early += at < stop;
                return DONE;
            }
            continue;
        }
        if (data[at] >= 0x80)
            running = data[at++];
        else if (!running)
            return REFUSED;
        int64_t size = (running & 0xE0) == 0xC0 ? 1 : 2;
        if (size > stop - at || data[at] >= 0x80 || data[at + size - 1] >= 0x80)
            return REFUSED;
        if ((running & 0xE0) == 0x80)
            keep_message(data + at, running, tick, track, offset, counts, out);
        at += size;
    }
    counts->unended++;
    return DONE;
}
