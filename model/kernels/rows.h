/* model/kernels/rows.h — inside the kernels: what one instruction set provides. Included by nothing outside this folder. */
#ifndef MODEL_KERNELS_ROWS_H
#define MODEL_KERNELS_ROWS_H
#include "model/kernels/bf16.h"
#include "model/kernels/depthwise.h"
#include "model/kernels/kernels.h"
#include "model/kernels/tiles.h"
#include "model/kernels/winograd_transforms.h"
#include <string.h>

/* beta1, 1 - beta1, beta2, 1 - beta2, lr/(1 - beta1^step), 1/sqrt(1 - beta2^step), epsilon, decay added to the gradient,
 * decay as a factor of the weight. */
#define MODEL_ADAM_FACTORS 9

/* Loops over some pixels of one channel count, run by one thread (loops_body.h is their source, one file per instruction set
 * compiles it). Pitches as in kernels.h. */
typedef struct model_loops {
    void (*relu)(size_t pixels, int channels, const float *a, int a_pitch, float *dst, int dst_pitch);
    void (*relu_backward)(size_t pixels, int channels, const float *a, int a_pitch, const float *b, int b_pitch, float *dst,
                          int dst_pitch);
    void (*add)(size_t pixels, int channels, const float *a, int a_pitch, const float *b, int b_pitch, float *dst,
                int dst_pitch);
    void (*sum)(size_t pixels, int channels, const float *a, int a_pitch, float *sums);
    void (*adam)(size_t count, const float factors[MODEL_ADAM_FACTORS], const float *grad, float *m, float *v, float *weights);
    /* means[c] = mean of a, squares[c] = sum of (a - means[c])^2 */
    void (*moments)(size_t pixels, int channels, const float *a, int a_pitch, float *means, float *squares);
    /* past: dst is so large that nobody will find it in a cache anyway */
    void (*affine)(size_t pixels, int channels, bool relu, bool past, const float *a, int a_pitch, const float *scale,
                   const float *shift, float *dst, int dst_pitch);
    /* g = grad, masked where relu and a*scale + shift <= 0; sums[c] = sum of g, products[c] = sum of g*(a - mean[c]) */
    void (*batchnorm_sums)(size_t pixels, int channels, bool relu, const float *a, int a_pitch, const float *grad,
                           int grad_pitch, const float *scale, const float *shift, const float *mean, float *sums,
                           float *products);
    /* Two rows of 2*width pixels: pooled, the gradient of their 2x2 max pooling after scale, shift and ReLU, goes into g; then the sums of
     * batchnorm_sums */
    void (*batchnorm_pool_sums)(int width, int channels, bool relu, bool accumulate, const float *x, int x_pitch,
                                const float *pooled, int pooled_pitch, float *g, int g_pitch, const float *scale,
                                const float *shift, const float *mean, float *sums, float *products);
    /* dst = scale*(g - offset - (a - mean)*slope) */
    void (*batchnorm_gradient)(size_t pixels, int channels, bool relu, const float *a, int a_pitch, const float *grad,
                               int grad_pitch, const float *scale, const float *shift, const float *mean, const float *offset,
                               const float *slope, float *dst, int dst_pitch);
    /* one output row of `width` windows: top and bottom are rows of src */
    void (*pool)(int width, int channels, const float *top, const float *bottom, int src_pitch, float *dst, int dst_pitch);
    void (*pool_backward)(int width, int channels, bool accumulate, const float *top, const float *bottom, int src_pitch,
                          const float *grad, int dst_pitch, float *grad_top, float *grad_bottom);
} model_loops;

struct model_kernels {
    const char *name; /* level of base/cpu.h */
    uint32_t needs;   /* CPU feature bits */
    const model_tiles *tiles;
    const model_loops *loops;
    const model_winograd *winograd;   /* [0]: F(2x2,3x3), [1]: F(4x4,3x3) */
    double (*peak)(long rounds);      /* FLOPs done in `rounds` of independent multiply-adds */
    const model_depthwise *depthwise; /* NULL: the scalar one */
    const model_bf16 *bf16;           /* NULL: the scalar one */
};

extern const model_loops model_loops_scalar;
#if defined(__x86_64__)
extern const model_loops model_loops_avx2;
extern const model_loops model_loops_avx512;
double model_peak_avx2(long rounds);
double model_peak_avx512(long rounds);
double model_peak_avx512bf16(long rounds);
#elif defined(__aarch64__)
double model_peak_neon(long rounds);
#endif
double model_peak_scalar(long rounds);

/* Pixels of one task: about 64 KiB, so that a second look at them hits L1 or L2. Depends on the shape only. */
static inline size_t model_chunk_pixels(int channels)
{
    size_t pixels = 16384 / (size_t)channels;
    return pixels < 16 ? 16 : pixels & ~(size_t)15;
}

/* Copy `channels` floats of each of `count` pixels. The empty assembly keeps gcc from turning either loop into a call of memcpy for
 * a few floats of every pixel, which is three times slower. */
static inline void model_copy_pixels(float *dst, size_t dst_pitch, const float *src, size_t src_pitch, int channels,
                                     size_t count)
{
    for (size_t i = 0; i < count; i++, dst += dst_pitch, src += src_pitch) {
        int c = 0;
        for (; c + 8 <= channels; c += 8) {
            memcpy(dst + c, src + c, 8 * sizeof *dst);
            __asm__("" : "+r"(c));
        }
        for (; c < channels; c++) {
            dst[c] = src[c];
            __asm__("" : "+r"(c));
        }
    }
}
#endif
