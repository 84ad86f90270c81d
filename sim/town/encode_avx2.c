/* sim/town/encode_avx2.c — encode.h with AVX2. */
#if defined(__x86_64__)
#include "sim/town/encode_body.h"

const town_encode town_encode_avx2 = { "avx2", encode_depth, encode_tags, encode_instances };
#else
typedef int encode_avx2_is_empty;
#endif
