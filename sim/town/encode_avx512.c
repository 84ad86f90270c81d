/* sim/town/encode_avx512.c — encode.h with AVX-512. */
#if defined(__x86_64__)
#include "sim/town/encode_body.h"

const town_encode town_encode_avx512 = { "avx512", encode_depth, encode_tags, encode_instances };
#else
typedef int encode_avx512_is_empty;
#endif
