/* NEON without dot products, exact: smull gives eight s16 products (at most 128 * 128, from activations minus 128), sadalp adds
 * them in pairs to int32. Adding two products in s16 first (smlal) would halve the second half of the work, but -128 * -128 twice is 32768.
 *
 * 8 output channels x 2 source channels a step; the two bytes of a pixel fill a register (ldr h, dup). Of the 32 registers the shared
 * form takes 2 x 12 accumulators + 3 weights + 1 + 2 products = 30, the plain one 2 x 12 + 1 + 1 + 2. */
#if defined(__aarch64__)
#include "quant/kernels/neon.h"
#include "base/cpu.h"

#define WEIGHTS       int8x16_t /* [oc][2 channels] */
#define STEP          2
#define LOAD(address) "ldr %h0, " address "\n\tdup %0.8h, %0.h[0]"
#define DOT(c, a, w)                                                                                                           \
    do {                                                                                                                       \
        int16x8_t low, high;                                                                                                   \
        __asm__ volatile(                                                                                                      \
            "smull %2.8h, %5.8b, %4.8b\n\tsmull2 %3.8h, %5.16b, %4.16b\n\tsadalp %0.4s, %2.8h\n\tsadalp %1.4s, %3.8h"          \
            : "+w"((c).low), "+w"((c).high), "=&w"(low), "=&w"(high)                                                           \
            : "w"(a), "w"(w));                                                                                                 \
    } while (0)
#include "quant/kernels/tile_template.h"

TILES_1_TO_12(shared, 1)
TILES_1_TO_12(plain, 1)
static const quant_tile_kernel shared_1[] = { NAMES_1_TO_12(shared, 1) };
static const quant_tile_kernel plain_1[] = { NAMES_1_TO_12(plain, 1) };

static const quant_tiler tiler = {
    .lanes = 8,
    .vectors = 1,
    .group = 2,
    .element_bytes = 1,
    .flip = 0x80,
    .shared_max = { 0, 12, 0 },
    .plain_max = { 0, 12, 0 },
    .shared = { NULL, shared_1, NULL },
    .plain = { NULL, plain_1, NULL },
    .stage = neon_stage,
};

static size_t packed_bytes(const quant_conv *c) { return quant_tiled_packed_bytes(&tiler, c); }
static void pack(const quant_conv *c, void *packed) { quant_tiled_pack(&tiler, c, packed); }
static size_t scratch_bytes(const quant_conv *c, int src_width) { return quant_tiled_scratch_bytes(&tiler, c, src_width); }
static void conv(const quant_conv *c, const void *packed, const quant_view *src, const quant_view *dst, int row0, int row1,
                 void *scratch)
{
    quant_tiled_conv(&tiler, c, packed, src, dst, row0, row1, scratch);
}

/* Largest of four times `count` bytes. */
static void max_of_four(const uint8_t *a, const uint8_t *b, ptrdiff_t next, uint8_t *dst, int count)
{
    int i = 0;
    for (; i + 16 <= count; i += 16)
        vst1q_u8(dst + i, vmaxq_u8(vmaxq_u8(vld1q_u8(a + i), vld1q_u8(a + next + i)),
                                   vmaxq_u8(vld1q_u8(b + i), vld1q_u8(b + next + i))));
    for (; i + 8 <= count; i += 8)
        vst1_u8(dst + i,
                vmax_u8(vmax_u8(vld1_u8(a + i), vld1_u8(a + next + i)), vmax_u8(vld1_u8(b + i), vld1_u8(b + next + i))));
    for (; i < count; i++) {
        uint8_t top = a[i] > a[next + i] ? a[i] : a[next + i], low = b[i] > b[next + i] ? b[i] : b[next + i];
        dst[i] = top > low ? top : low;
    }
}

void quant_pool2x2_neon(const quant_view *src, const quant_view *dst, int row0, int row1)
{
    for (int y = row0; y < row1; y++) {
        const uint8_t *a = quant_view_at(src, 2 * y, 0), *b = quant_view_at(src, 2 * y + 1, 0);
        uint8_t *d = quant_view_at(dst, y, 0);
        for (int x = 0; x < dst->width; x++, a += 2 * src->pitch, b += 2 * src->pitch, d += dst->pitch)
            max_of_four(a, b, src->pitch, d, dst->channels);
    }
}

/* Sum of `count` bytes times weights, eight channels at a time in s16. */
static int32_t head_sum(const uint8_t *s, const int8_t *w, int count)
{
    int32x4_t low = vdupq_n_s32(0), high = low;
    int i = 0;
    for (; i + 8 <= count; i += 8) {
        int16x8_t a = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(s + i))), b = vmovl_s8(vld1_s8(w + i));
        low = vmlal_s16(low, vget_low_s16(a), vget_low_s16(b));
        high = vmlal_high_s16(high, a, b);
    }
    int32_t sum = vaddvq_s32(vaddq_s32(low, high));
    for (; i < count; i++)
        sum += s[i] * w[i];
    return sum;
}

/* Pixel by pixel, class by class: the channels of a pixel lie side by side, as do the weights of a class. */
void quant_head_neon(const quant_head *h, const quant_view *src, uint8_t *mask, int32_t *logits, int row0, int row1)
{
    size_t p = (size_t)row0 * src->width;
    for (int y = row0; y < row1; y++)
        for (int x = 0; x < src->width; x++, p++) {
            const uint8_t *s = quant_view_at(src, y, x);
            int best = 0;
            float best_logit = 0.0f;
            int32_t acc = 0;
            for (int o = 0; o < h->classes; o++) {
                acc = (int32_t)((uint32_t)h->bias[o] + (uint32_t)head_sum(s, h->weights + (size_t)o * h->ic, h->ic));
                float logit = (float)acc * h->scale[o];
                if (o == 0 || logit > best_logit) {
                    best = o;
                    best_logit = logit;
                }
                if (logits)
                    logits[p * h->classes + o] = acc;
            }
            if (mask)
                mask[p] = (uint8_t)(h->classes == 1 ? acc >= 0 : best);
        }
}

/* 8 independent pairs of sums: one or two products a cycle with a latency of 4. */
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
static double peak(long rounds)
{
    int8x16_t a = vdupq_n_s8(0), w = a;
#define DECLARE(i) neon_sums c##i = { vdupq_n_s32(0), vdupq_n_s32(0) };
#define STEP_ONCE(i)                                                                                                           \
    {                                                                                                                          \
        int16x8_t low, high;                                                                                                   \
        __asm__ volatile(                                                                                                      \
            "smull %2.8h, %5.8b, %4.8b\n\tsmull2 %3.8h, %5.16b, %4.16b\n\tsadalp %0.4s, %2.8h\n\tsadalp %1.4s, %3.8h"          \
            : "+w"(c##i.low), "+w"(c##i.high), "=&w"(low), "=&w"(high)                                                         \
            : "w"(a), "w"(w));                                                                                                 \
    }
    EACH(DECLARE)
    for (long r = 0; r < rounds; r++) {
        EACH(STEP_ONCE)
    }
    return 2.0 * 8 * 16 * (double)rounds;
}

const quant_kernels quant_kernels_neon = {
    .name = "neon",
    .needs = CPU_NEON,
    .conv_packed_bytes = packed_bytes,
    .conv_pack = pack,
    .conv_scratch_bytes = scratch_bytes,
    .conv = conv,
    .pool2x2 = quant_pool2x2_neon,
    .map = quant_map_unrolled,
    .head = quant_head_neon,
    .peak = peak,
};
#else
typedef int quant_kernels_neon_is_arm_only;
#endif
