/* From note messages to a roll: pairing, rounding to steps, and a fill whose cost is bounded by notes and area. */
#include <stdlib.h>
#include <string.h>

#include "native.h"

enum { CHANNELS = 16, PITCHES = 128, PERCUSSION = 9, DIGIT = 11, DIGITS = 1 << DIGIT };

/* Beyond these nothing is certain to fit its integer; no limit of pianola.codec comes near them. */
static const int64_t MOST_TICKS = (int64_t)1 << 56;
static const int64_t MOST_STEPS = (int64_t)1 << 24;

/* Ticks as steps, half to even. */
static int64_t rounded(int64_t ticks, int64_t ticks_per_quarter)
{
    int64_t scaled = ticks * STEPS_PER_QUARTER, whole = scaled / ticks_per_quarter;
    int64_t twice = 2 * (scaled - whole * ticks_per_quarter);
    return whole + (twice > ticks_per_quarter || (twice == ticks_per_quarter && (whole & 1)));
}

typedef struct {
    const Rules *rules;
    Roll *roll;
    uint32_t stride;
    int64_t tick, step; /* of the track's last kept message */
    int32_t begin[CHANNELS * PITCHES]; /* the step of the note that sounds in this voice, or -1 */
    uint8_t velocity[CHANNELS * PITCHES];
} Pairing;

static void end_note(Pairing *pairing, int voice, int64_t step)
{
    const Rules *rules = pairing->rules;
    Roll *roll = pairing->roll;
    int32_t begin = pairing->begin[voice];
    int64_t end = step > begin + rules->shortest ? step : begin + rules->shortest;
    int row = rules->lowest_pitch + SIDE - 1 - voice % PITCHES;
    pairing->begin[voice] = -1;
    if (end > roll->total)
        roll->total = end;
    if (row < 0 || row >= SIDE) {
        roll->outside_rows++;
        return;
    }
    if (end == begin) {
        roll->vanished++;
        return;
    }
    roll->spans[roll->notes++] =
        (Span){(uint32_t)row * pairing->stride + (uint32_t)begin, (int32_t)end, pairing->velocity[voice]};
}

/* At the end of a track: what still sounds ends at the track's last kept message. */
static void end_track(Pairing *pairing)
{
    for (int voice = 0; voice < CHANNELS * PITCHES; voice++) {
        if (pairing->begin[voice] >= 0) {
            end_note(pairing, voice, pairing->step);
            pairing->roll->never_closed++;
        }
    }
    pairing->tick = pairing->step = 0;
}

static Outcome pair_message(Pairing *pairing, const Messages *messages, size_t i)
{
    const Rules *rules = pairing->rules;
    Roll *roll = pairing->roll;
    uint8_t channel = messages->channel[i], pitch = messages->pitch[i];
    int64_t tick = messages->tick[i];
    if (channel >= CHANNELS || pitch >= PITCHES || tick < pairing->tick || tick > MOST_TICKS)
        return REFUSED;
    if (channel == PERCUSSION && !rules->percussion) {
        roll->percussion += messages->strikes[i] != 0;
        return DONE;
    }
    int voice = pitch + (rules->by_track ? 0 : channel * PITCHES);
    int sounds = pairing->begin[voice] >= 0;
    if (!sounds && !messages->strikes[i]) {
        roll->note_offs++;
        return DONE;
    }
    pairing->step = rules->delta ? pairing->step + rounded(tick - pairing->tick, rules->ticks_per_quarter)
                                 : rounded(tick, rules->ticks_per_quarter);
    pairing->tick = tick;
    if (pairing->step > rules->most_steps)
        return REFUSED;
    if (sounds)
        end_note(pairing, voice, pairing->step);
    if (messages->strikes[i]) {
        roll->struck_again += sounds;
        pairing->begin[voice] = (int32_t)pairing->step;
        pairing->velocity[voice] = messages->velocity[i];
    }
    return DONE;
}

/* All notes of all tracks into roll->spans, which has room for one a message. */
static Outcome pair_messages(const Messages *messages, const Rules *rules, Roll *roll)
{
    Pairing *pairing = malloc(sizeof *pairing);
    Outcome outcome = DONE;
    if (!pairing)
        return NO_MEMORY;
    pairing->rules = rules;
    pairing->roll = roll;
    pairing->stride = roll->stride;
    pairing->tick = pairing->step = 0;
    memset(pairing->begin, -1, sizeof pairing->begin);
    for (size_t i = 0; i < messages->length && outcome == DONE; i++) {
        if (i && messages->track[i] < messages->track[i - 1])
            outcome = REFUSED;
        if (i && messages->track[i] > messages->track[i - 1])
            end_track(pairing);
        if (outcome == DONE)
            outcome = pair_message(pairing, messages, i);
    }
    if (outcome == DONE)
        end_track(pairing);
    free(pairing);
    return outcome;
}

/* Sort by place, least digit first: the time grows with the notes alone, in whatever order they are. */
static void sort_spans(Roll *roll)
{
    uint32_t most = (uint32_t)SIDE * roll->stride;
    for (int shift = 0; shift < 32 && most >> shift; shift += DIGIT) {
        size_t starts[DIGITS + 1] = {0};
        for (int64_t i = 0; i < roll->notes; i++)
            starts[(roll->spans[i].place >> shift) % DIGITS + 1]++;
        for (int digit = 0; digit < DIGITS; digit++)
            starts[digit + 1] += starts[digit];
        for (int64_t i = 0; i < roll->notes; i++)
            roll->spare[starts[(roll->spans[i].place >> shift) % DIGITS]++] = roll->spans[i];
        Span *sorted = roll->spare;
        roll->spare = roll->spans;
        roll->spans = sorted;
    }
}

static void light(uint8_t *line, int64_t begin, int64_t end)
{
    int64_t first = begin >> 3, last = (end - 1) >> 3;
    uint8_t head = (uint8_t)(0xFF >> (begin & 7)), tail = (uint8_t)(0xFF << (7 - ((end - 1) & 7)));
    if (first == last) {
        line[first] |= head & tail;
        return;
    }
    line[first] |= head;
    memset(line + first + 1, 0xFF, (size_t)(last - first - 1));
    line[last] |= tail;
}

/* Draw the sorted notes that begin before `width`, overlapping ones joined, so that every step is filled once. */
static void fill(Roll *roll, int64_t width)
{
    int64_t open = 0, reach = 0, row = 0;
    for (int64_t i = 0; i < roll->notes; i++) {
        const Span *span = roll->spans + i;
        int64_t begin = span->place % roll->stride, end = span->end < width ? span->end : width;
        if (begin >= width)
            continue;
        if (span->place / roll->stride != row || begin >= reach) {
            if (reach > open)
                light(roll->lines + (size_t)row * roll->line, open, reach);
            row = span->place / roll->stride;
            open = begin;
            reach = end;
        } else if (end > reach) {
            reach = end;
        }
    }
    if (reach > open)
        light(roll->lines + (size_t)row * roll->line, open, reach);
}

/* The step before every onset is dark; then a step at which a note begins is lit: the shortest keeps its only step. */
static void part(Roll *roll, int64_t width, int gap)
{
    for (int64_t i = 0; gap && i < roll->notes; i++) {
        int64_t before = (int64_t)(roll->spans[i].place % roll->stride) - 1;
        if (before >= 0 && before < width)
            roll->lines[roll->spans[i].place / roll->stride * roll->line + (size_t)(before >> 3)] &=
                (uint8_t)~(0x80 >> (before & 7));
    }
    for (int64_t i = 0; i < roll->notes; i++) {
        Span span = roll->spans[i];
        int64_t begin = span.place % roll->stride;
        if (begin >= width) {
            roll->partial_window++;
            continue;
        }
        Span *latest = roll->onsets ? roll->spans + roll->onsets - 1 : NULL;
        if (latest && latest->place == span.place) {
            if (span.velocity > latest->velocity)
                latest->velocity = span.velocity;
            continue;
        }
        roll->spans[roll->onsets++] = span;
        roll->lines[span.place / roll->stride * roll->line + (size_t)(begin >> 3)] |= (uint8_t)(0x80 >> (begin & 7));
    }
}

/* Windows up to the first that reaches the end of the music; a partial one is dropped or padded, as the rules say. */
static int64_t count_windows(int64_t total, int drop, int hop)
{
    if (total < SIDE)
        return !drop && total > 0;
    return (total - SIDE + (drop ? 0 : hop - 1)) / hop + 1;
}

static int is_dark(const Roll *roll, int64_t begin, int64_t end)
{
    for (int row = 0; row < SIDE; row++)
        for (int64_t step = begin; step < end; step++)
            if (is_lit(roll->lines + (size_t)row * roll->line, step))
                return 0;
    return 1;
}

Outcome draw_roll(const Messages *messages, const Rules *rules, Roll *roll)
{
    memset(roll, 0, sizeof *roll);
    if (rules->most_steps < 0 || rules->most_steps > MOST_STEPS || rules->ticks_per_quarter <= 0)
        return REFUSED;
    roll->stride = (uint32_t)(rules->most_steps + 2);
    size_t room = messages->length + 1;
    roll->spans = malloc(room * sizeof(Span));
    roll->spare = malloc(room * sizeof(Span));
    if (!roll->spans || !roll->spare)
        return NO_MEMORY;
    Outcome outcome = pair_messages(messages, rules, roll);
    if (outcome != DONE)
        return outcome;
    roll->windows = count_windows(roll->total, rules->drop, rules->hop);
    int64_t width = roll->windows ? (roll->windows - 1) * rules->hop + SIDE : 0;
    /* A byte more than the last window takes: cutting looks at the byte after a window too. */
    roll->line = (size_t)(width + 7) / 8 + 1;
    roll->lines = calloc(SIDE, roll->line);
    if (!roll->lines)
        return NO_MEMORY;
    sort_spans(roll);
    fill(roll, width);
    part(roll, width, rules->gap);
    if (roll->total < width && is_dark(roll, width - SIDE, width))
        roll->windows--;
    return DONE;
}

void free_roll(Roll *roll)
{
    free(roll->spans);
    free(roll->spare);
    free(roll->lines);
}
