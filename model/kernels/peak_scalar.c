/* model/kernels/peak_scalar.c — independent multiplies and adds from registers, without FMA: the peak of the scalar row, which on a
 * 64-bit CPU is compiled to vectors of four floats. */
#include "model/kernels/rows.h"

typedef float vector __attribute__((vector_size(16)));

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
double model_peak_scalar(long rounds)
{
    vector factor = { 0.5f, 0.5f, 0.5f, 0.5f }, one = { 1, 1, 1, 1 };
    __asm__("" : "+m"(factor), "+m"(one));
#define DECLARE(i) vector c##i = { i, i, i, i };
#define STEP(i)    c##i = c##i * factor + one;
#define ADD(i)     +c##i
    EACH(DECLARE)
    for (long r = 0; r < rounds; r++) {
        EACH(STEP)
    }
    volatile vector keep = EACH(ADD);
    (void)keep;
    return 2.0 * 12 * 4 * (double)rounds;
}
