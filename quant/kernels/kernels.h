/* quant/kernels/kernels.h — integer kernels: one contract, a scalar definition, and a file per instruction set.
 *
 * Layout   u8 activations [H][W][C], channel c of pixel (y, x) at data[y*row_bytes + x*pitch + c]. The pitch is at least the
 *          channel count: tensors of our own are padded to a multiple of 4, a packed RGB image has pitch 3, a slice of a
 *          concatenation has the pitch of the whole; a crop has the row_bytes of the whole. Kernels write exactly `channels`
 *          bytes of a pixel and may read up to 3 bytes behind them (times weight 0): a buffer ends with 64 bytes of slack.
 * Numbers  real = scale * (q - zero_point); weights s8 with one scale per output channel and zero point 0.
 *
 *     acc[o] = bias[o] + sum over taps and channels of src * weights[o]        int32, exact in any order
 *     y[o]   = rint(clamp((float)acc[o] * multiplier[o], lo, hi)) + zero_point  float32, ties to even
 *
 * Padding taps read the byte src_zero_point, i.e. real 0; `bias` already holds -src_zero_point * sum(weights[o]). The clamp comes
 * before rounding (as ONNX Runtime's QLinearConv does), a fused ReLU is lo = 0. One multiplication, two comparisons and one conversion,
 * never contracted: every level gives the same bytes, for any number of threads, for all inputs and weights in [-128, 127]
 * whose sums fit int32.
 *
 * Usual order: quant_kernels_select once; per convolution pack; then conv/pool/... on row ranges, a range per thread. */
#ifndef QUANT_KERNELS_KERNELS_H
#define QUANT_KERNELS_KERNELS_H
#include "base/error.h"
#include <stdint.h>

/* A tensor or a slice of one; owns nothing. */
typedef struct quant_view {
    uint8_t *data;
    int height, width, channels;
    int pitch;        /* bytes from pixel to pixel, >= channels */
    size_t row_bytes; /* bytes from row to row, >= width * pitch */
} quant_view;

static inline uint8_t *quant_view_at(const quant_view *v, int y, int x)
{
    return v->data + (size_t)y * v->row_bytes + (size_t)x * v->pitch;
}

/* A convolution (cross-correlation) of u8 by s8 with requantisation, or a transposed one of 2x2 taps and stride 2. */
typedef struct quant_conv {
    int ic, oc, kh, kw;
    int stride, padding, dilation; /* padding per side; dilation 1 is none */
    bool transposed;               /* then kh = kw = stride = 2, padding 0, dilation 1 */
    const int8_t *weights;         /* [oc][kh][kw][ic]; transposed: [2*dy + dx][oc][ic] */
    const int32_t *bias;           /* [oc], zero point of src folded in; transposed: [2*dy + dx][oc] */
    const float *multiplier;       /* [oc] = fl32(fl32(s_src * s_w[o]) / s_dst) */
    float lo, hi;                  /* 0 - zero_point (0 with ReLU) and 255 - zero_point */
    int32_t zero_point;            /* of dst, 0..255 */
    uint8_t src_zero_point;        /* the byte that padding taps read */
} quant_conv;

/* A 1x1 convolution whose sums are the logits: nothing is requantised. Class of a pixel: one class: sum >= 0 gives 1, else 0;
 * several: argmax of (float)acc[o] * scale[o], the lowest class on a tie. */
typedef struct quant_head {
    int ic, classes;       /* classes 1..QUANT_MAX_CLASSES */
    const int8_t *weights; /* [classes][ic] */
    const int32_t *bias;   /* [classes] */
    const float *scale;    /* [classes] = fl32(s_src * s_w[o]), > 0 */
} quant_head;
#define QUANT_MAX_CLASSES 64

/* One row per level; rows are constant. Work on rows [row0, row1) of dst; ranges of different threads do not meet. */
typedef struct quant_kernels {
    const char *name;
    uint32_t needs; /* CPU_* bits of base/cpu.h */
    /* Weights in the order of this level: bytes, and the packing itself (memory 64-byte aligned). Done at load, never stored. */
    size_t (*conv_packed_bytes)(const quant_conv *c);
    void (*conv_pack)(const quant_conv *c, void *packed);
    /* Scratch for one thread that computes images with src rows of `src_width` pixels. */
    size_t (*conv_scratch_bytes)(const quant_conv *c, int src_width);
    void (*conv)(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0, int row1,
                 void *scratch);
    /* Largest byte of each 2x2 square, stride 2; odd last rows and columns of src are dropped. */
    void (*pool2x2)(const quant_view *src, const quant_view *dst, int row0, int row1);
    /* dst = table[src], pixel by pixel: re-scaling a branch of a concatenation. table NULL copies. */
    void (*map)(const quant_view *src, const quant_view *dst, const uint8_t table[256], int row0, int row1);
    /* mask [H][W] u8, logits [H][W][classes] int32 (the sums), both packed, H and W of src; either may be NULL. */
    void (*head)(const quant_head *h, const quant_view *src, uint8_t *mask, int32_t *logits, int row0, int row1);
    /* `rounds` of independent multiply-adds from registers; returns their operations (2 per multiply-add), never 0. For benches. */
    double (*peak)(long rounds);
    /* See quant_depthwise; NULL: the scalar one. */
    void (*depthwise)(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0,
                      int row1);
} quant_kernels;

/* A depthwise convolution: ic = oc channels, each a group of its own, weights [channels][kh][kw], not transposed; otherwise as conv, and as
 * exact. Packed weights are the same for every level; no scratch. */
size_t quant_depthwise_packed_bytes(const quant_conv *c);
void quant_depthwise_pack(const quant_conv *c, void *packed);
void quant_depthwise(const quant_kernels *k, const quant_conv *c, const void *packed, const quant_view *src,
                     const quant_view *dst, int row0, int row1);

/* Operations per second of a level's multiply-adds from registers, on `threads` threads for about `seconds`: what any kernel could reach. */
double quant_kernels_peak_ops(const quant_kernels *k, int threads, double seconds);

/* Output size of a convolution over `size` rows or columns; 0 when the window does not fit. */
int quant_conv_out(const quant_conv *c, int size, int window);

/* Every level that was compiled in, lowest (scalar) first. */
const quant_kernels *const *quant_kernels_all(size_t *count);
/* The best level whose needs are all in cpu_bits (base_cpu_select). Never NULL: scalar needs nothing. */
const quant_kernels *quant_kernels_select(uint32_t cpu_bits);
#endif
