#include "base/random.h"
#include <math.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

base_random base_random_start(uint64_t seed, const char *purpose, uint64_t a, uint64_t b)
{
    uint64_t name = 0xcbf29ce484222325u; /* FNV-1a over the purpose */
    for (const unsigned char *c = (const unsigned char *)purpose; *c; c++)
        name = (name ^ *c) * 0x100000001b3u;
    uint64_t key = mix(seed ^ mix(name));
    key = mix(key + a * 0x9e3779b97f4a7c15u);
    key = mix(key + b * 0xd1b54a32d192ed03u);
    return (base_random){ key, 0 };
}

uint64_t base_random_bits(base_random *r) { return mix(r->key + ++r->counter * 0x9e3779b97f4a7c15u); }

double base_random_uniform(base_random *r) { return (double)(base_random_bits(r) >> 11) * 0x1p-53; }

double base_random_range(base_random *r, double lo, double hi) { return lo + (hi - lo) * base_random_uniform(r); }

uint32_t base_random_below(base_random *r, uint32_t n)
{
    /* Lemire's multiply-shift with rejection: no bias. */
    uint32_t least = (uint32_t)-n % n;
    for (;;) {
        uint64_t m = (uint64_t)(uint32_t)(base_random_bits(r) >> 32) * n;
        if ((uint32_t)m >= least)
            return (uint32_t)(m >> 32);
    }
}

double base_random_normal(base_random *r)
{
    double u = 1.0 - base_random_uniform(r); /* (0, 1] */
    double v = base_random_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(6.28318530717958647692 * v);
}

void base_random_shuffle(base_random *r, uint32_t *index, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = base_random_below(r, i);
        uint32_t t = index[i - 1];
        index[i - 1] = index[j];
        index[j] = t;
    }
}
