#include "quant/quant.h"
#include <math.h>

quant_params quant_params_from_range(float lo, float hi)
{
    lo = fminf(lo, 0.0f);
    hi = fmaxf(hi, 0.0f);
    /* 2^-23, the framework's floor: a tensor that is constantly 0 still gets a scale */
    float scale = fmaxf((float)(((double)hi - (double)lo) / 255.0), 0x1p-23f);
    float zero = fminf(fmaxf(rintf(-lo / scale), 0.0f), 255.0f);
    return (quant_params){ scale, (int32_t)zero };
}

bool quant_params_equal(quant_params a, quant_params b) { return a.scale == b.scale && a.zero_point == b.zero_point; }

uint8_t quant_encode(quant_params p, float x)
{
    float q = rintf(x / p.scale) + (float)p.zero_point;
    return (uint8_t)fminf(fmaxf(q, 0.0f), 255.0f);
}

float quant_decode(quant_params p, uint8_t q) { return p.scale * (float)((int32_t)q - p.zero_point); }

float quant_encode_weights(const float *weights, size_t count, float bias, float src_scale, int8_t *q)
{
    float largest = 0.0f;
    for (size_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(weights[i]));
    float scale = largest > 0.0f ? largest / 127.0f : 1.0f;
    /* a channel of tiny weights under a large bias: give up weight resolution rather than overflow the bias */
    scale = fmaxf(scale, fabsf(bias) / (0x1p30f * src_scale));
    scale = fmaxf(scale, 0x1p-100f); /* keeps every product of scales a normal number */
    for (size_t i = 0; i < count; i++)
        q[i] = (int8_t)fminf(fmaxf(rintf(weights[i] / scale), -127.0f), 127.0f);
    return scale;
}

void quant_rescale_table(quant_params from, quant_params to, uint8_t table[256])
{
    for (int q = 0; q < 256; q++)
        table[q] = quant_encode(to, quant_decode(from, (uint8_t)q));
}
