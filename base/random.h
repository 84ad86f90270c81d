/* base/random.h — counter-based random numbers: a hash of (seed, purpose, a, b), so that a draw depends on what it is for
 * and not on which thread, rank or resumed run asks.
 *
 *     bits = mix(mix(mix(seed ^ mix(purpose)) + a * K1) + b * K2) + i * GOLDEN)
 * with mix = the SplitMix64 finaliser (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H
#include <stdint.h>

/* A stream of draws for one (seed, purpose, a, b). A plain value: copy it to replay. */
typedef struct base_random {
    uint64_t key, counter;
} base_random;

/* purpose: a short constant string such as "augment" or "weights"; a, b: whatever tells draws apart (epoch, sample). */
base_random base_random_start(uint64_t seed, const char *purpose, uint64_t a, uint64_t b);
uint64_t base_random_bits(base_random *r);                      /* 64 uniform bits */
double base_random_uniform(base_random *r);                     /* [0, 1), 53 bits */
double base_random_range(base_random *r, double lo, double hi); /* [lo, hi) */
uint32_t base_random_below(base_random *r, uint32_t n);         /* 0 .. n-1 without bias; n >= 1 */
double base_random_normal(base_random *r);                      /* mean 0, deviation 1; Box-Muller, 2 draws */
/* Fisher-Yates over indices 0..n-1 already in `index`. */
void base_random_shuffle(base_random *r, uint32_t *index, uint32_t n);
#endif
