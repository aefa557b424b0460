/* From a roll to windows, and what each window shows. */
#include <string.h>

#include "native.h"

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

/* The bits of a byte that begin a run, `before` being the byte before it in the row. */
static unsigned begins(uint8_t byte, uint8_t before)
{
    unsigned former = (unsigned)byte >> 1 | (unsigned)(before & 1) << 7;
    return byte & ~former;
}

/* The bits of a byte that end a run, `after` being the byte after it in the row. */
static unsigned ends(uint8_t byte, uint8_t after)
{
    unsigned later = (unsigned)byte << 1 | after >> 7;
    return byte & ~later;
}

static int32_t ones(unsigned byte)
{
    byte = byte - (byte >> 1 & 0x55);
    byte = (byte & 0x33) + (byte >> 2 & 0x33);
    return (int32_t)((byte + (byte >> 4)) & 0x0F);
}

int64_t count_runs(const uint8_t *lit, int64_t windows, int32_t *seen)
{
    int64_t sum = 0;
    for (int64_t window = 0; window < windows; window++) {
        int32_t runs = 0;
        for (int row = 0; row < SIDE; row++, lit += PACKED)
            for (int byte = 0; byte < PACKED; byte++)
                if (lit[byte])
                    runs += ones(begins(lit[byte], byte ? lit[byte - 1] : 0));
        if (seen)
            seen[window] = runs;
        sum += runs;
    }
    return sum;
}

void find_runs(const uint8_t *lit, int64_t windows, const Runs *out)
{
    int64_t begun = 0, ended = 0;
    for (int64_t window = 0; window < windows; window++) {
        for (int row = 0; row < SIDE; row++, lit += PACKED) {
            for (int byte = 0; byte < PACKED; byte++) {
                if (!lit[byte])
                    continue;
                unsigned first = begins(lit[byte], byte ? lit[byte - 1] : 0);
                unsigned last = ends(lit[byte], byte < PACKED - 1 ? lit[byte + 1] : 0);
                for (int bit = 0; bit < 8; bit++) {
                    int step = 8 * byte + bit;
                    if (first << bit & 0x80) {
                        out->window[begun] = window;
                        out->row[begun] = row;
                        out->begin[begun++] = step;
                    }
                    if (last << bit & 0x80) {
                        out->length[ended] = step + 1 - out->begin[ended];
                        ended++;
                    }
                }
            }
        }
    }
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
    int64_t first[SIDE + 1], next[SIDE], written = 0;
    uint8_t latest[SIDE] = {0};
    find_rows(roll, first);
    memcpy(next, first, sizeof next);
    for (int64_t window = 0; window < roll->windows; window++) {
        for (int row = 0; row < SIDE; row++, lit += PACKED) {
            int64_t start = window * hop;
            latest[row] = velocity_at(roll, row, start, next + row, first[row + 1], latest[row]);
            int64_t ahead = next[row];
            uint8_t velocity = latest[row];
            for (int byte = 0; byte < PACKED; byte++) {
                unsigned bits = begins(lit[byte], byte ? lit[byte - 1] : 0);
                for (int bit = 0; bits; bit++, bits = bits << 1 & 0xFF) {
                    if (!(bits & 0x80))
                        continue;
                    velocity = velocity_at(roll, row, start + 8 * byte + bit, &ahead, first[row + 1], velocity);
                    if (written == count)
                        return REFUSED;
                    values[written++] = velocity;
                }
            }
        }
    }
    return written == count ? DONE : REFUSED;
}
