/* Sums and functions of many numbers at once, with the same result whatever the processor has for it. */
#ifndef PIANOLA_ARITHMETIC_H
#define PIANOLA_ARITHMETIC_H

#include "writer.h"

#include <math.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && !defined(PIANOLA_PLAIN)
/* The same sums, several at once where the processor can. */
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE
#endif

/* sums[outputs] += the columns `which` of `linear`, each times its `value`. */
WIDE static void add_columns(double *restrict sums, const Linear *linear, const int *which, const double *value, int count)
{
    size_t outputs = (size_t)linear->outputs;
    const float *of = linear->of;
    int i = 0;
    for (; i + 4 <= count; i += 4) {
        const float *restrict a = of + outputs * (size_t)which[i], *restrict b = of + outputs * (size_t)which[i + 1];
        const float *restrict c = of + outputs * (size_t)which[i + 2], *restrict d = of + outputs * (size_t)which[i + 3];
        double va = value[i], vb = value[i + 1], vc = value[i + 2], vd = value[i + 3];
        for (size_t o = 0; o < outputs; o++)
            sums[o] = (((sums[o] + a[o] * va) + b[o] * vb) + c[o] * vc) + d[o] * vd;
    }
    for (; i < count; i++) {
        const float *restrict a = of + outputs * (size_t)which[i];
        double va = value[i];
        for (size_t o = 0; o < outputs; o++)
            sums[o] += a[o] * va;
    }
}

/* exp(x) to a few units in the last place; what is beyond -300..300 is taken for these, so that no product vanishes. */
static inline double exponential(double x)
{
    static const double shift = 0x1.8p52;
    union {
        double number;
        uint64_t bits;
    } power;
    x = x < -300 ? -300 : x > 300 ? 300 : x;
    power.number = x * 0x1.71547652b82fep0 + shift;
    double whole = power.number - shift;
    double rest = (x - whole * 0x1.62e42fee00000p-1) - whole * 0x1.a39ef35793c76p-33;
    double sum = 1.0 / 6227020800;
    sum = sum * rest + 1.0 / 479001600;
    sum = sum * rest + 1.0 / 39916800;
    sum = sum * rest + 1.0 / 3628800;
    sum = sum * rest + 1.0 / 362880;
    sum = sum * rest + 1.0 / 40320;
    sum = sum * rest + 1.0 / 5040;
    sum = sum * rest + 1.0 / 720;
    sum = sum * rest + 1.0 / 120;
    sum = sum * rest + 1.0 / 24;
    sum = sum * rest + 1.0 / 6;
    sum = sum * rest + 0.5;
    sum = sum * rest + 1;
    sum = sum * rest + 1;
    power.bits = (power.bits + 1023) << 52;
    return sum * power.number;
}

static inline double sigmoid(double x)
{
    return 1 / (1 + exponential(-x));
}

static inline double hyperbolic_tangent(double x)
{
    return 1 - 2 / (1 + exponential(2 * x));
}

/* chance[i] = exp((score[i] - most) * factor) where the score is finite, else 0; returns their sum. */
WIDE static double exponentials(double *restrict chance, const double *restrict score, int count, double most, double factor)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        double one = exponential((score[i] - most) * factor);
        chance[i] = score[i] > -INFINITY ? one : 0;
    }
    for (int i = 0; i < count; i++)
        sum += chance[i];
    return sum;
}

/* One step of torch.nn.GRU: `input` and `hidden` are what each of the two makes of the gates reset, update, new. */
WIDE static void gate(double *restrict state, const double *restrict input, const double *restrict hidden, int size)
{
    for (int i = 0; i < size; i++) {
        double reset = sigmoid(input[i] + hidden[i]);
        double update = sigmoid(input[size + i] + hidden[size + i]);
        double fresh = hyperbolic_tangent(input[2 * size + i] + reset * hidden[2 * size + i]);
        state[i] = (1 - update) * fresh + update * state[i];
    }
}

#endif
