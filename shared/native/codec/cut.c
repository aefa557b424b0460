/* From a roll to windows, and what each window shows. */
#include <string.h>

#include "native.h"

enum { WORDS = 3, WORD = SIDE / WORDS };

void cut_windows(const Roll *roll, int hop, uint8_t *lit)
{
    for (int64_t window = 0; window < roll->windows; window++) {
        size_t first = (size_t)(window * hop);
        int shift = (int)(first % 8);
        for (size_t row = 0; row < SIDE; row++, lit += PACKED) {
            const uint8_t *from = roll->lines + row * roll->line + first / 8;
            if (!shift) {
                memcpy(lit, from, PACKED);
                continue;
            }
            for (int byte = 0; byte < PACKED; byte++)
                lit[byte] = (uint8_t)(from[byte] << shift | from[byte + 1] >> (8 - shift));
        }
    }
}

/* Most rows of most windows are dark: whether this one is, in two looks. */
static int is_dark(const uint8_t *row)
{
    uint64_t most;
    uint32_t rest;
    memcpy(&most, row, sizeof most);
    memcpy(&rest, row + sizeof most, sizeof rest);
    return !(most | rest);
}

/* A row's steps as words: the first step is the highest bit of the first. */
static void load(const uint8_t *row, uint32_t *words)
{
    for (int word = 0; word < WORDS; word++, row += 4)
        words[word] = (uint32_t)row[0] << 24 | (uint32_t)row[1] << 16 | (uint32_t)row[2] << 8 | row[3];
}

/* The bits of words[word] at which a run begins. */
static uint32_t begins(const uint32_t *words, int word)
{
    return words[word] & ~(words[word] >> 1 | (word ? words[word - 1] << 31 : 0));
}

/* The bits of words[word] at which a run ends: its last lit step. */
static uint32_t ends(const uint32_t *words, int word)
{
    return words[word] & ~(words[word] << 1 | (word < WORDS - 1 ? words[word + 1] >> 31 : 0));
}

static int32_t ones(uint32_t bits)
{
    bits = bits - (bits >> 1 & 0x55555555);
    bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
    return (int32_t)(((bits + (bits >> 4)) & 0x0F0F0F0F) * 0x01010101u >> 24);
}

/* The place of the highest bit that is set, counted from the highest of all; takes the bit away. */
static int take_first(uint32_t *bits)
{
#if defined(__GNUC__)
    int place = __builtin_clz(*bits);
#else
    int place = 0;
    while (!(*bits << place & 0x80000000))
        place++;
#endif
    *bits &= ~(0x80000000 >> place);
    return place;
}

int64_t count_runs(const uint8_t *lit, int64_t windows, int32_t *seen)
{
    int64_t sum = 0;
    for (int64_t window = 0; window < windows; window++) {
        int32_t runs = 0;
        for (int row = 0; row < SIDE; row++, lit += PACKED) {
            uint32_t words[WORDS];
            if (is_dark(lit))
                continue;
            load(lit, words);
            for (int word = 0; word < WORDS; word++)
                runs += ones(begins(words, word));
        }
        if (seen)
            seen[window] = runs;
        sum += runs;
    }
    return sum;
}

/* A row's runs: the first step of each, and the step after its last. */
typedef struct {
    int count;
    uint8_t begin[SIDE / 2], end[SIDE / 2];
} RowRuns;

static void row_runs(const uint8_t *row, RowRuns *runs)
{
    uint32_t words[WORDS];
    int ended = 0;
    load(row, words);
    runs->count = 0;
    for (int word = 0; word < WORDS; word++) {
        for (uint32_t first = begins(words, word); first; runs->count++)
            runs->begin[runs->count] = (uint8_t)(word * WORD + take_first(&first));
        /* Both come in the order of time, so the n-th last step belongs to the n-th first one. */
        for (uint32_t last = ends(words, word); last; ended++)
            runs->end[ended] = (uint8_t)(word * WORD + take_first(&last) + 1);
    }
}

void find_runs(const uint8_t *lit, int64_t windows, const Runs *out)
{
    int64_t run = 0;
    for (int64_t window = 0; window < windows; window++) {
        for (int row = 0; row < SIDE; row++, lit += PACKED) {
            RowRuns runs;
            if (is_dark(lit))
                continue;
            row_runs(lit, &runs);
            for (int i = 0; i < runs.count; i++, run++) {
                out->window[run] = window;
                out->row[run] = row;
                out->begin[run] = runs.begin[i];
                out->length[run] = runs.end[i] - runs.begin[i];
            }
        }
    }
}

static void tally_window(const uint8_t *lit, int32_t start, Tally *tally)
{
    int phase = start % STEPS_PER_QUARTER + (start < 0 ? STEPS_PER_QUARTER : 0);
    int notes = 0, cells = 0, lit_at_once = 0, highest = -1, lowest = -1;
    int32_t change[SIDE + 1] = {0};
    for (int row = 0; row < SIDE; row++, lit += PACKED) {
        RowRuns runs;
        int before = cells;
        if (is_dark(lit))
            continue;
        row_runs(lit, &runs);
        for (int i = 0; i < runs.count; i++) {
            int begin = runs.begin[i], end = runs.end[i];
            cells += end - begin;
            change[begin]++;
            change[end]--;
            tally->lengths[end - begin]++;
            tally->onsets[(phase + begin) % STEPS_PER_QUARTER] += begin > 0;
        }
        tally->lit[row] += cells - before;
        tally->notes[row] += runs.count;
        notes += runs.count;
        highest = highest < 0 ? row : highest;
        lowest = row;
    }
    for (int step = 0; step < SIDE; step++)
        tally->polyphony[lit_at_once += change[step]]++;
    tally->density[cells / CELLS_OF_DENSITY]++;
    tally->notes_in_window[notes < NOTES_OF_BAR * (BARS_OF_NOTES - 1) ? notes / NOTES_OF_BAR : BARS_OF_NOTES - 1]++;
    if (notes)
        tally->ranges[lowest - highest]++;
    else
        tally->silent++;
}

void tally_windows(const uint8_t *lit, const int32_t *start, int64_t windows, Tally *tally)
{
    for (int64_t window = 0; window < windows; window++)
        tally_window(lit + window * SIDE * PACKED, start[window], tally);
}

/* For each row the place in roll->spans of its first onset, and after the last row the number of onsets. */
static void find_rows(const Roll *roll, int64_t *first)
{
    int64_t onset = 0;
    for (int row = 0; row <= SIDE; row++) {
        while (onset < roll->onsets && roll->spans[onset].place / roll->stride < (uint32_t)row)
            onset++;
        first[row] = onset;
    }
}

/* The velocity of the latest run that begins at `step` or before: runs begin at onsets after a dark step. `*next` is the
 * row's first onset not looked at yet, and `latest` the answer that those before it gave. */
static uint8_t velocity_at(const Roll *roll, int row, int64_t step, int64_t *next, int64_t stop, uint8_t latest)
{
    const uint8_t *line = roll->lines + (size_t)row * roll->line;
    for (; *next < stop; (*next)++) {
        int64_t begin = roll->spans[*next].place % roll->stride;
        if (begin > step)
            break;
        if (begin == 0 || !is_lit(line, begin - 1))
            latest = roll->spans[*next].velocity;
    }
    return latest;
}

Outcome run_velocities(const Roll *roll, const uint8_t *lit, int hop, uint8_t *values, int64_t count)
{
    int64_t stop[SIDE + 1], next[SIDE], written = 0;
    uint8_t latest[SIDE] = {0};
    find_rows(roll, stop);
    memcpy(next, stop, sizeof next);
    for (int64_t window = 0; window < roll->windows; window++) {
        int64_t start = window * hop;
        for (int row = 0; row < SIDE; row++, lit += PACKED) {
            uint32_t words[WORDS];
            if (is_dark(lit))
                continue;
            load(lit, words);
            latest[row] = velocity_at(roll, row, start, next + row, stop[row + 1], latest[row]);
            /* The next window may begin before this one's last onset: what lies ahead is looked at without going on. */
            int64_t ahead = next[row];
            uint8_t velocity = latest[row];
            for (int word = 0; word < WORDS; word++) {
                for (uint32_t first = begins(words, word); first;) {
                    int64_t step = start + word * WORD + take_first(&first);
                    velocity = velocity_at(roll, row, step, &ahead, stop[row + 1], velocity);
                    if (written == count)
                        return REFUSED;
                    values[written++] = velocity;
                }
            }
        }
    }
    return written == count ? DONE : REFUSED;
}
