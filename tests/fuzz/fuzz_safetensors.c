/* Any bytes as a safetensors file: every tensor that is accepted must lie inside it. */
#include "model/safetensors.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    model_safetensors s;
    base_error err;
    if (!model_safetensors_parse(&s, data, size, "fuzz", &err))
        return 0;
    unsigned sum = 0;
    for (size_t i = 0; i < s.count; i++)
        for (size_t k = 0; k < s.tensors[i].bytes; k++)
            sum += ((const unsigned char *)s.tensors[i].data)[k]; /* the sanitizer watches */
    if (model_safetensors_find(&s, "a") != NULL && sum == 1)
        sum = 2;
    model_safetensors_free(&s);
    return 0;
}
