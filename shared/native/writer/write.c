/* One window after another, step by step: see NoteWriter in pianola/models/notes/writer.py for what and why. */
#include "arithmetic.h"
#include "writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int near_lags[NEAR_LAGS] = {1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48};
static const int far_lags[FAR_LAGS] = {12, 24, 48};
static const double FADES_TO = 0.9591894571091382; /* exp(-1 / 24) */
static const double FAINTEST = 1e-10, APART = 0.01;

typedef struct {
    int plane, row;
    double value;
} Spot;

struct Desk {
    const Decoder *decoder;
    int *which; /* inputs that are not 0, and their values */
    double *value, *position;
    double *latent, *sketch;                       /* what the position adds to every step */
    double *state, *seen, *input, *hidden, *heads; /* of one step */
    double *near, *heard;                          /* near's kernels as the gates weigh them; what is heard at one row */
    Spot spots[NEAR_PLANES * SIDE];                /* what is not dark in the planes that `near` hears */
    int spot_count;
    int struck[SIDE][SIDE], struck_count[SIDE]; /* rows struck at each step, from the highest */
    int left[SIDE];                             /* steps that a note still has */
    int lit[SIDE];                              /* at the step before */
    int ever[SIDE];                             /* struck at any step before, and how much is left of that */
    double trace[SIDE];
};

static const float *take(const float **at, size_t count)
{
    const float *here = *at;
    *at += count;
    return here;
}

static Linear take_linear(const float **at, int inputs, int outputs, int biased)
{
    Linear linear = {NULL, NULL, outputs};
    linear.of = take(at, (size_t)inputs * (size_t)outputs);
    if (biased)
        linear.bias = take(at, (size_t)outputs);
    return linear;
}

size_t lay_out(const Sizes *sizes, const float *weights, Decoder *decoder)
{
    const float *at = weights;
    int state = sizes->state, kernels = sizes->kernels, latent = sizes->latent;
    decoder->sizes = *sizes;
    decoder->first_state = take_linear(&at, latent, state, 1);
    decoder->of_latent = take_linear(&at, latent, state, 1);
    decoder->of_step = take(&at, (size_t)SIDE * (size_t)state);
    decoder->of_past = take_linear(&at, FAR_PLANES * SIDE, state, 0);
    decoder->input = take_linear(&at, state, 3 * state, 1);
    decoder->hidden = take_linear(&at, state, 3 * state, 1);
    decoder->heads = take_linear(&at, state, SIDE + 1 + kernels + sizes->harmonies + sizes->registers, 1);
    decoder->registers = take_linear(&at, sizes->registers, SIDE, 0);
    decoder->near = take_linear(&at, kernels, NEAR_PLANES * REACH, 0);
    decoder->near_bias = take(&at, (size_t)kernels);
    decoder->near_at = take(&at, (size_t)NEAR_PLANES * REACH * (size_t)kernels);
    decoder->harmony = take_linear(&at, sizes->harmonies, SIDE, 0);
    decoder->sketch = take_linear(&at, latent, 2 * SIDE, 1);
    decoder->sketch_weights = take(&at, 2);
    decoder->stop_after = take(&at, MOST_STRUCK + 1);
    decoder->row_length = take(&at, SIDE * LENGTH_STATE);
    decoder->last_length = take(&at, (SIDE + 1) * LENGTH_STATE);
    decoder->state_length = take_linear(&at, state, LENGTH_STATE, 1);
    decoder->heard_length = take_linear(&at, kernels, LENGTH_STATE, 0);
    decoder->length = take_linear(&at, LENGTH_STATE, SIDE, 1);
    return (size_t)(at - weights);
}

Desk *new_desk(const Decoder *decoder)
{
    const Sizes *sizes = &decoder->sizes;
    size_t state = (size_t)sizes->state, kernels = (size_t)sizes->kernels;
    size_t most = FAR_PLANES * SIDE + state + kernels + (size_t)(sizes->latent + sizes->harmonies + sizes->registers);
    size_t heads = (size_t)decoder->heads.outputs;
    size_t parts[] = {most, (size_t)sizes->latent, state, 2 * SIDE, state, state, 3 * state, 3 * state, heads,
                      NEAR_PLANES * REACH, kernels};
    size_t count = sizeof parts / sizeof *parts, doubles = 0;
    for (size_t i = 0; i < count; i++)
        doubles += parts[i];
    Desk *desk = calloc(1, sizeof *desk);
    if (!desk)
        return NULL;
    desk->decoder = decoder;
    desk->which = calloc(most, sizeof *desk->which);
    desk->value = calloc(doubles, sizeof *desk->value);
    if (!desk->which || !desk->value) {
        free_desk(desk);
        return NULL;
    }
    double **to[] = {&desk->value, &desk->position, &desk->latent, &desk->sketch, &desk->state, &desk->seen,
                     &desk->input, &desk->hidden,   &desk->heads,  &desk->near,   &desk->heard};
    for (size_t i = 1; i < count; i++)
        *to[i] = *to[i - 1] + parts[i - 1];
    return desk;
}

void free_desk(Desk *desk)
{
    free(desk->which);
    free(desk->value);
    free(desk);
}

/* sums = linear(x) + bias, of x [count]; what it makes is added to what is there where it has no bias. */
static void apply(Desk *desk, const Linear *linear, const double *x, int count, double *sums)
{
    int some = 0;
    if (linear->bias)
        for (int o = 0; o < linear->outputs; o++)
            sums[o] = linear->bias[o];
    for (int i = 0; i < count; i++) {
        desk->which[some] = i;
        desk->value[some] = x[i];
        some += x[i] != 0;
    }
    add_columns(sums, linear, desk->which, desk->value, some);
}

static void rectify(double *x, int count)
{
    for (int i = 0; i < count; i++)
        x[i] = x[i] > 0 ? x[i] : 0;
}

static void begin_window(Desk *desk, const Order *order)
{
    const Decoder *decoder = desk->decoder;
    int latent = decoder->sizes.latent, state = decoder->sizes.state;
    for (int i = 0; i < latent; i++)
        desk->position[i] = order->z[i];
    apply(desk, &decoder->first_state, desk->position, latent, desk->state);
    apply(desk, &decoder->of_latent, desk->position, latent, desk->latent);
    apply(desk, &decoder->sketch, desk->position, latent, desk->sketch);
    for (int i = 0; i < state; i++)
        desk->state[i] = hyperbolic_tangent(desk->state[i]);
    memset(desk->struck_count, 0, sizeof desk->struck_count);
    memset(desk->left, 0, sizeof desk->left);
    memset(desk->lit, 0, sizeof desk->lit);
    memset(desk->ever, 0, sizeof desk->ever);
    memset(desk->trace, 0, sizeof desk->trace);
}

static void step_state(Desk *desk, int step)
{
    const Decoder *decoder = desk->decoder;
    int state = decoder->sizes.state, lit = 0;
    for (int i = 0; i < state; i++)
        desk->seen[i] = desk->latent[i] + decoder->of_step[step * state + i];
    for (int row = 0; row < SIDE; row++)
        if (desk->left[row] > 0)
            desk->which[lit++] = SIDE + row;
    for (int lag = -1; lag < FAR_LAGS; lag++) {
        int ago = step - (lag < 0 ? 1 : far_lags[lag]), plane = lag < 0 ? 0 : lag + 2;
        for (int i = 0; ago >= 0 && i < desk->struck_count[ago]; i++)
            desk->which[lit++] = plane * SIDE + desk->struck[ago][i];
    }
    for (int i = 0; i < lit; i++)
        desk->value[i] = 1;
    add_columns(desk->seen, &decoder->of_past, desk->which, desk->value, lit);
    rectify(desk->seen, state);
    apply(desk, &decoder->input, desk->seen, state, desk->input);
    apply(desk, &decoder->hidden, desk->state, state, desk->hidden);
    gate(desk->state, desk->input, desk->hidden, state);
    apply(desk, &decoder->heads, desk->state, state, desk->heads);
}

static void hear(Desk *desk, int plane, int row, double value)
{
    desk->spots[desk->spot_count++] = (Spot){plane, row, value};
}

static void listen(Desk *desk, int step)
{
    desk->spot_count = 0;
    for (int row = 0; row < SIDE; row++) {
        if (desk->left[row] > 0)
            hear(desk, 0, row, 1);
        if (desk->lit[row])
            hear(desk, 1, row, 1);
        if (desk->ever[row]) {
            hear(desk, 2, row, 1);
            hear(desk, 3, row, desk->trace[row]);
        }
    }
    for (int lag = 0; lag < NEAR_LAGS; lag++) {
        int ago = step - near_lags[lag];
        for (int i = 0; ago >= 0 && i < desk->struck_count[ago]; i++)
            hear(desk, 4 + lag, desk->struck[ago][i], 1);
    }
}

/* Scores [SIDE + 1] of each row and of stopping in the still empty column. */
static void score_column(Desk *desk, int step, double reluctance, double *scores)
{
    const Decoder *decoder = desk->decoder;
    const double *gates = desk->heads + SIDE + 1, *registers = gates + decoder->sizes.kernels + decoder->sizes.harmonies;
    double sums[SIDE + 2 * SPAN] = {0}, bias = 0;
    memset(desk->near, 0, NEAR_PLANES * REACH * sizeof *desk->near);
    apply(desk, &decoder->near, gates, decoder->sizes.kernels, desk->near);
    for (int i = 0; i < desk->spot_count; i++) {
        const double *kernel = desk->near + desk->spots[i].plane * REACH;
        double *to = sums + desk->spots[i].row, value = desk->spots[i].value;
        for (int d = 0; d < REACH; d++)
            to[d] += kernel[d] * value;
    }
    for (int i = 0; i < decoder->sizes.kernels; i++)
        bias += gates[i] * decoder->near_bias[i];
    apply(desk, &decoder->registers, registers, decoder->sizes.registers, sums + SPAN);
    for (int row = 0; row < SIDE; row++) {
        double score = desk->heads[row] + sums[SPAN + row] + bias + decoder->sketch_weights[0] * desk->sketch[row];
        scores[row] = desk->lit[row] ? -INFINITY : score;
    }
    scores[STOP] = desk->heads[STOP] - decoder->sketch_weights[1] * desk->sketch[SIDE + step] + reluctance;
}

/* A choice by the inverse of the cumulated chances [count] at *die; where it is given, of least..most, the die is first
 * put between these. Whatever has a chance at all has at least FAINTEST of them. */
static int choose(double *chance, int count, double whole, double *die, int given, int least, int most)
{
    double sum = 0, begin = 0, end = 0;
    for (int i = 0; i < count; i++) {
        double share = chance[i] / whole;
        begin = i == least ? sum : begin;
        sum += chance[i] > 0 && share < FAINTEST ? FAINTEST : share;
        end = i == most ? sum : end;
        chance[i] = sum;
    }
    if (given)
        *die = (begin + (end - begin) * (APART + (1 - 2 * APART) * *die)) / sum;
    int choice = 0;
    while (choice < count - 1 && chance[choice] / sum <= *die)
        choice++;
    return !given ? choice : choice < least ? least : choice > most ? most : choice;
}

/* Where the next note of a column is struck, at rows from `first` on, or STOP; given: where it is to be, or -1. */
static int choose_row(const double *scores, int first, double temperature, double *die, int given)
{
    double chance[SIDE + 1], most = -INFINITY, rows = 0, tempered;
    int count = STOP - first;
    for (int row = first; row < STOP; row++)
        most = scores[row] > most ? scores[row] : most;
    if (most > -INFINITY) {
        double highest = scores[STOP] > most ? scores[STOP] : most;
        rows = exponentials(chance, scores + first, count, highest, 1);
        if (temperature != 1) {
            tempered = exponentials(chance, scores + first, count, most, 1 / temperature);
            for (int i = 0; i < count; i++)
                chance[i] *= rows / tempered;
        }
        chance[count] = exponential(scores[STOP] - highest);
    } else {
        memset(chance, 0, sizeof chance);
        chance[count] = 1;
    }
    return first + choose(chance, count + 1, rows + chance[count], die, given >= 0, given - first, given - first);
}

typedef struct {
    int shortest, longest; /* 0 where the length is not given */
} Bounds;

/* The length of a note at `row` after one of length `last` in its column; state: what the state makes of lengths. */
static int choose_length(Desk *desk, const double *state, int row, int last, double *die, Bounds bounds)
{
    const Decoder *decoder = desk->decoder;
    int kernels = decoder->sizes.kernels;
    double seen[LENGTH_STATE], scores[SIDE], chance[SIDE], most = -INFINITY;
    for (int i = 0; i < kernels; i++)
        desk->heard[i] = decoder->near_bias[i];
    for (int i = 0; i < desk->spot_count; i++) {
        int distance = row - desk->spots[i].row + SPAN;
        const float *kernel = decoder->near_at + (desk->spots[i].plane * REACH + distance) * kernels;
        for (int k = 0; distance >= 0 && distance < REACH && k < kernels; k++)
            desk->heard[k] += kernel[k] * desk->spots[i].value;
    }
    for (int i = 0; i < LENGTH_STATE; i++)
        seen[i] = state[i] + decoder->row_length[row * LENGTH_STATE + i] + decoder->last_length[last * LENGTH_STATE + i];
    apply(desk, &decoder->heard_length, desk->heard, kernels, seen);
    rectify(seen, LENGTH_STATE);
    apply(desk, &decoder->length, seen, LENGTH_STATE, scores);
    for (int i = 0; i < SIDE; i++)
        most = scores[i] > most ? scores[i] : most;
    double whole = exponentials(chance, scores, SIDE, most, 1);
    return 1 + choose(chance, SIDE, whole, die, bounds.shortest > 0, bounds.shortest - 1, bounds.longest - 1);
}

static int begins(const Order *order, int row, int step)
{
    const uint8_t *line = order->given + row * order->columns;
    return line[step] && !(step && line[step - 1]);
}

/* How long the note at a row of the given columns is: that of one that sounds until their end may be more. */
static Bounds length_given(const Order *order, int row, int step)
{
    const uint8_t *line = order->given + row * order->columns;
    int end = step;
    while (end < order->columns && line[end])
        end++;
    return (Bounds){end - step, end == order->columns ? SIDE : end - step};
}

static void strike(Desk *desk, int step, int row, int length)
{
    desk->struck[step][desk->struck_count[step]++] = row;
    desk->left[row] = length;
}

/* What a note at `row` adds to the scores of the rows below it. */
static void add_harmony(const double *harmony, int row, double *scores)
{
    for (int below = row + 1; below < SIDE; below++)
        scores[below] += harmony[below - row];
}

static void write_column(Desk *desk, const Order *order, int step, double *scores)
{
    const Decoder *decoder = desk->decoder;
    double *gates = desk->heads + SIDE + 1 + decoder->sizes.kernels;
    double harmony[SIDE] = {0}, of_state[LENGTH_STATE], stop = scores[STOP], *dice = order->dice + step * MOST_STRUCK * 2;
    int given = step < order->columns, row = -1, last = 0;
    for (int turn = 0; turn < MOST_STRUCK; turn++) {
        int next = given ? row + 1 : -1;
        while (given && next < STOP && !begins(order, next, step))
            next++;
        row = choose_row(scores, row + 1, order->temperature, dice + 2 * turn, next);
        if (row >= STOP)
            return;
        if (turn == 0) {
            apply(desk, &decoder->state_length, desk->state, decoder->sizes.state, of_state);
            for (int i = 0; i < decoder->sizes.harmonies; i++)
                gates[i] += 1;
            apply(desk, &decoder->harmony, gates, decoder->sizes.harmonies, harmony);
        }
        Bounds bounds = given ? length_given(order, row, step) : (Bounds){0, 0};
        last = choose_length(desk, of_state, row, last, dice + 2 * turn + 1, bounds);
        strike(desk, step, row, last);
        add_harmony(harmony, row, scores);
        scores[STOP] = stop + decoder->stop_after[turn + 1];
    }
    for (row++; given && row < SIDE; row++)
        if (begins(order, row, step))
            strike(desk, step, row, length_given(order, row, step).shortest);
}

/* To the next step: what sounds now is drawn, and what was struck is remembered. */
static void close_column(Desk *desk, int step, uint8_t *window)
{
    for (int row = 0; row < SIDE; row++) {
        desk->trace[row] *= FADES_TO;
        desk->lit[row] = desk->left[row] > 0;
        window[row * SIDE + step] = (uint8_t)desk->lit[row];
        desk->left[row] -= desk->left[row] > 0;
    }
    for (int i = 0; i < desk->struck_count[step]; i++) {
        desk->ever[desk->struck[step][i]] = 1;
        desk->trace[desk->struck[step][i]] += 1;
    }
}

void write_window(Desk *desk, const Order *order, uint8_t *window)
{
    double scores[SIDE + 1];
    begin_window(desk, order);
    for (int step = 0; step < SIDE; step++) {
        step_state(desk, step);
        listen(desk, step);
        score_column(desk, step, order->reluctance, scores);
        write_column(desk, order, step, scores);
        close_column(desk, step, window);
    }
}
