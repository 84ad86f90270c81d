/* model/kernels/depthwise.h — inside the kernels: convolutions whose every channel is a group of its own (groups = ic = oc).
 * Included by nothing outside this folder.
 *
 *     dst[y][x][c] = sum over taps of src[y*stride + ...][x*stride + ...][c] * weights[c][u][v]
 *
 * Channels are the vector axis and there is no sum over them, so nothing of tiles.h applies: an output costs as many loads as
 * multiply-adds, and images that leave the caches wait for memory. Both are served by reading every pixel of src where it lies: no
 * strip. A row of outputs is cut into segments whose pixels meet the same taps; edges are segments with fewer. */
#ifndef MODEL_KERNELS_DEPTHWISE_H
#define MODEL_KERNELS_DEPTHWISE_H
#include "model/kernels/gather.h"

/* Some neighbouring outputs of a row that meet the same taps. */
typedef struct model_depthwise_run {
    int pixels, channels;
    int taps;                    /* 0: the sum is empty */
    const float *const *src;     /* [taps] what the first pixel reads */
    const float *const *weights; /* [taps][channels], readable up to a multiple of 16 */
    size_t src_step, dst_step;   /* floats from pixel to pixel */
    float *dst;
    const float *bias; /* [channels] or NULL */
    bool accumulate, relu;
} model_depthwise_run;

#define MODEL_DEPTHWISE_TAPS 9 /* sums that registers of every level hold: a window of 3x3 */
/* sums[t][c] += sum over pixels of grad[pixel][c] * src[t][pixel][c], pixel after pixel */
typedef struct model_depthwise_sums {
    int pixels, channels;
    int taps; /* 1..MODEL_DEPTHWISE_TAPS */
    const float *const *src;
    const float *grad;
    size_t src_step, grad_step;
    float *const *sums; /* [taps][channels], writable up to a multiple of 16 */
} model_depthwise_sums;

/* depthwise_body.h is their source, one file per instruction set compiles it. */
typedef struct model_depthwise {
    void (*run)(const model_depthwise_run *r);
    void (*sums)(const model_depthwise_sums *s);
} model_depthwise;

extern const model_depthwise model_depthwise_scalar;
#if defined(__x86_64__)
extern const model_depthwise model_depthwise_avx2;
extern const model_depthwise model_depthwise_avx512;
#endif

/* Packed weights serve both passes: [KH][KW][channels rounded up to 16]. */
size_t depthwise_packed_floats(const model_conv2d *s);
/* Called by every thread of a team, like depthwise_run; nobody waits at the end. */
void depthwise_pack(const model_conv2d *s, const float *weights, float *packed);
/* One gather (gather.h) of the pass; operands as there. */
void depthwise_run(const model_depthwise *k, const gather *g, const gather_operands *o);

size_t depthwise_weights_scratch_bytes(const model_conv2d *s);
void depthwise_weights_run(const model_depthwise *k, const model_conv2d *s, const float *src, const float *grad_dst,
                           float *grad_weights, void *scratch, int threads);
#endif
