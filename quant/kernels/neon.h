/* quant/kernels/neon.h — what the levels of ARM share around tile_template.h: accumulators of 8 output channels in two registers, how
 * they are stored, and addresses. For kernels_neon.c and kernels_neondot.c.
 *
 * Both multiply s8 by s8, so activations are staged as byte - 128 (quant_tiler.flip). The assembly of the tiles is volatile, i.e. stays in
 * order: gcc 12 schedules for ARM before it gives out registers, moves loads ahead and spills accumulators then. */
#ifndef QUANT_KERNELS_NEON_H
#define QUANT_KERNELS_NEON_H
#include "quant/kernels/levels.h"
#include "quant/kernels/tiled.h"
#include <arm_neon.h>
#include <string.h>

typedef struct neon_sums {
    int32x4_t low, high; /* output channels 0..3, 4..7 */
} neon_sums;

static inline __attribute__((always_inline)) neon_sums neon_load_bias(const int32_t *p)
{
    return (neon_sums){ vld1q_s32(p), vld1q_s32(p + 4) };
}

static inline __attribute__((always_inline)) int32x4_t neon_requantise(int32x4_t acc, float32x4_t m, float32x4_t lo,
                                                                       float32x4_t hi, int32x4_t zero)
{
    float32x4_t f = vmulq_f32(vcvtq_f32_s32(acc), m);
    f = vminq_f32(vmaxq_f32(f, lo), hi);
    return vaddq_s32(vcvtnq_s32_f32(f), zero); /* ties to even */
}

static inline __attribute__((always_inline)) void neon_store(uint8_t *dst, neon_sums acc, float32x4_t m_low, float32x4_t m_high,
                                                             float32x4_t lo, float32x4_t hi, int32x4_t zero, int n)
{
    int32x4_t low = neon_requantise(acc.low, m_low, lo, hi, zero), high = neon_requantise(acc.high, m_high, lo, hi, zero);
    uint8x8_t bytes = vqmovun_s16(vcombine_s16(vmovn_s32(low), vmovn_s32(high)));
    if (n >= 8) {
        vst1_u8(dst, bytes);
    } else {
        uint64_t eight = vget_lane_u64(vreinterpret_u64_u8(bytes), 0);
        memcpy(dst, &eight, (size_t)n);
    }
}

/* quant_stage_u8, then minus 128: the strip is in L1, a second pass over it costs less than every odd pitch written twice. */
static inline void neon_stage(const uint8_t *src, int pixels, int channels, int pitch, void *dst, int staged)
{
    quant_stage_u8(src, pixels, channels, pitch, dst, staged);
    uint8_t *d = dst;
    size_t bytes = (size_t)pixels * staged, i = 0;
    for (; i + 16 <= bytes; i += 16)
        vst1q_u8(d + i, veorq_u8(vld1q_u8(d + i), vdupq_n_u8(0x80)));
    for (; i < bytes; i++)
        d[i] ^= 0x80;
}

#define VEC          neon_sums
#define BYTES        int8x16_t
#define LANES        8
#define LOAD_BIAS(p) neon_load_bias(p)
#define CONSTANTS(t, N)                                                                                                        \
    const float32x4_t m_low = vld1q_f32((t)->multiplier), m_high = vld1q_f32((t)->multiplier + 4);                             \
    const float32x4_t lo = vdupq_n_f32((t)->lo), hi = vdupq_n_f32((t)->hi);                                                    \
    const int32x4_t zero = vdupq_n_s32((t)->zero_point)
#define STORE(v, dst, c, n) neon_store(dst, c, m_low, m_high, lo, hi, zero, n)
#define NAME(x)             x
/* LOAD(address): the assembly that loads STEP bytes to %0 from "[%1]" or "[%1, %2]". 2s and 4s are kept in registers. */
#define BROADCAST_0(a, b) __asm__ volatile(LOAD("[%1]") : "=w"(a) : "r"(b))
#define BROADCAST_1(a, b) __asm__ volatile(LOAD("[%1, %2]") : "=w"(a) : "r"(b), "r"(s))
#define BROADCAST_2(a, b) __asm__ volatile(LOAD("[%1, %2]") : "=w"(a) : "r"(b), "r"(2 * s))
#define BROADCAST_3(a, b) __asm__ volatile(LOAD("[%1, %2]") : "=w"(a) : "r"(b), "r"(s3))
#define BROADCAST_4(a, b) __asm__ volatile(LOAD("[%1, %2]") : "=w"(a) : "r"(b), "r"(4 * s))
#endif
