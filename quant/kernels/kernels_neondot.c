/* NEON with dot products (ARMv8.2 and later): sdot adds four s8 x s8 products to an int32, nothing saturates. usdot, which takes u8 as it
 * is, belongs to a later extension (i8mm) and would save the pass that takes 128 off the activations; it is not used.
 *
 * 8 output channels x 4 source channels a step. The four bytes of a pixel are one lane of a register (sdot by element), so nothing is
 * spread over lanes. Of the 32 registers the shared form takes 2 x 12 accumulators + 6 weights + 1 = 31, the plain one 2 x 12 + 2 + 1. */
#if defined(__aarch64__)
#include "quant/kernels/neon.h"
#include "base/cpu.h"

typedef struct neon_weights {
    int8x16_t low, high; /* [oc 0..3][4 channels], [oc 4..7][4 channels] */
} neon_weights;

#define WEIGHTS       neon_weights
#define STEP          4
#define LOAD(address) "ldr %s0, " address
#define DOT(c, a, w)                                                                                                           \
    __asm__ volatile("sdot %0.4s, %3.16b, %2.4b[0]\n\tsdot %1.4s, %4.16b, %2.4b[0]"                                            \
                     : "+w"((c).low), "+w"((c).high)                                                                           \
                     : "w"(a), "w"((w).low), "w"((w).high))
#include "quant/kernels/tile_template.h"

TILES_1_TO_12(shared, 1)
TILES_1_TO_12(plain, 1)
static const quant_tile_kernel shared_1[] = { NAMES_1_TO_12(shared, 1) };
static const quant_tile_kernel plain_1[] = { NAMES_1_TO_12(plain, 1) };

static const quant_tiler tiler = {
    .lanes = 8,
    .vectors = 1,
    .group = 4,
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

/* 24 independent sums: two to four multiply-adds a cycle with a latency of 3 or 4 need up to 16. */
#define EACH_8(X, p) X(p##0) X(p##1) X(p##2) X(p##3) X(p##4) X(p##5) X(p##6) X(p##7)
#define EACH(X)      EACH_8(X, c) EACH_8(X, d) EACH_8(X, e)
static double peak(long rounds)
{
    int8x16_t a = vdupq_n_s8(0), w = a;
#define DECLARE(c)   int32x4_t c = vdupq_n_s32(0);
#define STEP_ONCE(c) __asm__ volatile("sdot %0.4s, %2.16b, %1.4b[0]" : "+w"(c) : "w"(a), "w"(w));
    EACH(DECLARE)
    for (long r = 0; r < rounds; r++) {
        EACH(STEP_ONCE)
    }
    return 2.0 * 24 * 16 * (double)rounds;
}

const quant_kernels quant_kernels_neondot = {
    .name = "neondot",
    .needs = CPU_NEON | CPU_DOTPROD,
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
typedef int quant_kernels_neondot_is_arm_only;
#endif
