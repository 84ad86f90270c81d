/* model/kernels/kernels.h — the float32 loops under every operator: which instruction set they use, and the rules all share.
 *
 *     conv2d.h     convolution and transposed convolution: forward, gradients of the input, weights and bias; packing
 *     batchnorm.h  batch statistics, apply (+ ReLU), backward
 *     pool.h       2x2 max pooling
 *     pointwise.h  ReLU, add, copy, sums over pixels, the Adam update
 *
 * Usual order: base_cpu_select gives the CPU bits, model_kernels_select the row; fill a model_cpu; ask each operator for its
 * packed and scratch bytes, take that memory once, then run. No kernel allocates, prints or keeps state.
 *
 * Layout. A tensor is [N][H][W][C] float32; pixels lie `pitch` floats apart, pitch >= C, rows and images follow densely:
 *     element (n, y, x, c) is at ((n*H + y)*W + x)*pitch + c
 * Floats between C and pitch are neither read nor written, so a channel slice of a wider tensor (a concatenation) is an ordinary
 * argument. Any 4-byte aligned address works; 64-byte aligned tensors with C a multiple of 16 are fastest.
 *
 * Threads. Results are the same bits for every thread count: each sum runs in an order that depends on the shape and the row only.
 * Rows differ from each other by rounding (FMA or not, number of lanes). */
#ifndef MODEL_KERNELS_KERNELS_H
#define MODEL_KERNELS_KERNELS_H
#include "base/error.h"
#include <stdint.h>

/* One row per instruction set: CPU bits that it needs and its functions. Rows live as long as the program. */
typedef struct model_kernels model_kernels;

/* What every kernel call is run with. A plain value. */
typedef struct model_cpu {
    const model_kernels *kernels; /* from model_kernels_select */
    int threads;                  /* OpenMP threads, >= 1 */
} model_cpu;

/* The best row whose needs are all in cpu_bits (base/cpu.h). Never NULL: the scalar row needs nothing. */
const model_kernels *model_kernels_select(uint32_t cpu_bits);
/* The same for convolutions in MODEL_BF16 (conv2d.h): on CPUs with the instruction "avx512bf16", which computes float32 as "avx512" does and
 * is never what model_kernels_select gives, so that float32 work is not tied to such a CPU. */
const model_kernels *model_kernels_select_bf16(uint32_t cpu_bits);
/* Every row, scalar first, each better than the one before: for tests and benches. */
const model_kernels *model_kernels_row(size_t index); /* NULL past the end */
const char *model_kernels_name(
    const model_kernels *k); /* a level of base/cpu.h: "scalar", "avx2", "avx512", "avx512bf16", "neon" */
uint32_t model_kernels_needs(const model_kernels *k); /* bits of base/cpu.h */

/* Run independent multiply-adds from registers for about `seconds` on `threads` threads and return FLOP/s (2 per multiply-add
 * and lane): what any kernel of the row could reach at best. */
double model_kernels_peak_flops(const model_cpu *cpu, double seconds);
#endif
