/* The compiled half of pianola.codec: reading events and drawing rolls, without Python.
 *
 * Nothing here explains what is wrong with a file. Whatever is not in order makes a function return REFUSED, and the
 * Python half, which does the same work, says why: so a message, its code and its byte have one source.
 */
#ifndef PIANOLA_NATIVE_H
#define PIANOLA_NATIVE_H

#include <stddef.h>
#include <stdint.h>

enum { SIDE = 96, PACKED = SIDE / 8, STEPS_PER_QUARTER = 12 };

typedef enum { DONE, REFUSED, NO_MEMORY } Outcome;

/* Note messages in the order of the file, as pianola.codec.walk.Events has them; also used as the number of each. */
typedef struct {
    int64_t messages, strikes, tempos, metres, unended, early;
} Counts;

typedef struct {
    int64_t *tick, *track, *offset;
    uint8_t *channel, *pitch, *velocity, *strikes;
    int64_t *tempo_tick, *tempo; /* microseconds in a quarter note */
    int64_t *metre_tick;
    uint8_t *metre; /* [metres, 2] numerator, denominator */
} Events;

/* Walk the events of one track, data[start..stop), and add what it has to `counts`; where `out` is not NULL, write it
 * there too, from the places that `counts` says: the caller has counted first and made room. */
Outcome read_track(const uint8_t *data, int64_t start, int64_t stop, int64_t track, Counts *counts, const Events *out);

typedef struct {
    int64_t ticks_per_quarter, most_steps;
    int delta, by_track, lowest_pitch, shortest, gap, drop, percussion, hop;
} Rules;

typedef struct {
    const int64_t *tick, *track;
    const uint8_t *channel, *pitch, *strikes, *velocity;
    size_t length;
} Messages;

/* A note on the roll: `place` is row * stride + first step. */
typedef struct {
    uint32_t place;
    int32_t end;
    uint8_t velocity;
} Span;

/* A file's roll, one line of bits a row, and what was counted on the way (see roll.LeftOut). */
typedef struct {
    Span *spans;    /* [notes], sorted by place; later only the `onsets` first of every place, with the loudest strike */
    Span *spare;    /* room for sorting */
    uint8_t *lines; /* [SIDE, line] bytes; the first step is the highest bit */
    size_t line;
    int64_t notes, onsets, total, windows;
    uint32_t stride;
    int64_t percussion, outside_rows, vanished, partial_window, note_offs, never_closed, struck_again;
} Roll;

static inline int is_lit(const uint8_t *line, int64_t step)
{
    return line[step >> 3] >> (7 - (step & 7)) & 1;
}

/* Pair the messages to notes, place them on steps and draw them. `roll` is set up here and needs free_roll always. */
Outcome draw_roll(const Messages *messages, const Rules *rules, Roll *roll);
void free_roll(Roll *roll);

/* Cut the roll into windows lit[roll->windows, SIDE, PACKED], one every `hop` steps. */
void cut_windows(const Roll *roll, int hop, uint8_t *lit);

/* seen[i] = runs of lit steps that window i shows; returns their sum. `seen` may be NULL. */
int64_t count_runs(const uint8_t *lit, int64_t windows, int32_t *seen);

/* As pianola.dataset.runs.Runs: columns with room for as many runs as count_runs found. */
typedef struct {
    int64_t *window, *row, *begin, *length;
} Runs;

void find_runs(const uint8_t *lit, int64_t windows, const Runs *out);

/* As pianola.dataset.statistics has them, where each is explained. */
enum { CELLS_OF_DENSITY = 24, NOTES_OF_BAR = 4, BARS_OF_NOTES = 65 };

typedef struct {
    int64_t silent, lit[SIDE], notes[SIDE], density[SIDE * SIDE / CELLS_OF_DENSITY + 1], polyphony[SIDE + 1];
    int64_t onsets[STEPS_PER_QUARTER], notes_in_window[BARS_OF_NOTES], lengths[SIDE + 1], ranges[SIDE];
} Tally;

/* Add what the windows show to `tally`; start: each window's first step in its file. */
void tally_windows(const uint8_t *lit, const int32_t *start, int64_t windows, Tally *tally);

/* One velocity for each run of each window, in row-major order: values has room for as many as count_runs found. */
Outcome run_velocities(const Roll *roll, const uint8_t *lit, int hop, uint8_t *values, int64_t count);

#endif
