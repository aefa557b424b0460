/* The compiled writer of notes: what pianola.models.notes.writer does, without torch.
 *
 * Weights are those of a NoteDecoder in single precision, as they were learnt; sums are in double precision. Nothing
 * here is a matter of the machine: sums are taken in the order that is written, no products are fused into them, and the
 * exponential is our own, so that the same position is the same window on any of them.
 */
#ifndef PIANOLA_WRITER_H
#define PIANOLA_WRITER_H

#include <stddef.h>
#include <stdint.h>

/* As notes/decoder.py and notes/dice.py have them. */
enum {
    SIDE = 96,
    STOP = SIDE,
    MOST_STRUCK = 16,
    NEAR_LAGS = 11,
    NEAR_PLANES = NEAR_LAGS + 4,
    FAR_LAGS = 3,
    FAR_PLANES = FAR_LAGS + 2,
    SPAN = 12,
    REACH = 2 * SPAN + 1,
    LENGTH_STATE = 64,
    DICE = SIDE * MOST_STRUCK * 2
};

typedef struct {
    int latent, state, kernels, harmonies, registers;
} Sizes;

/* `of` holds a column of `outputs` weights for each input; `bias` one for each output, or is NULL. */
typedef struct {
    const float *of, *bias;
    int outputs;
} Linear;

typedef struct {
    Sizes sizes;
    Linear first_state, of_latent, of_past, input, hidden, heads, registers, near, harmony, sketch;
    Linear state_length, heard_length, length;
    const float *of_step, *near_bias, *near_at, *sketch_weights, *stop_after, *row_length, *last_length;
} Decoder;

/* The decoder whose weights lie one after another at `weights`, in the order of Decoder's packing in
 * pianola/models/notes/native.py. Returns how many floats these are. */
size_t lay_out(const Sizes *sizes, const float *weights, Decoder *decoder);

/* How a window is written. `given` [SIDE, columns] are its first columns, whose dice are put where they choose them. */
typedef struct {
    const float *z;
    double reluctance, temperature;
    double *dice; /* [SIDE, MOST_STRUCK, 2] */
    const uint8_t *given;
    int columns;
} Order;

typedef struct Desk Desk;

/* Room to write one window after another; NULL where there is no memory. */
Desk *new_desk(const Decoder *decoder);
void free_desk(Desk *desk);

void write_window(Desk *desk, const Order *order, uint8_t *window /* [SIDE, SIDE] */);

#endif
