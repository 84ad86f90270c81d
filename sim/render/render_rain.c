/* Rain in front of the camera: streaks of one exposure, drawn over the finished picture; labels and depth know nothing of them. Fewer and
 * shorter ones in light rain, slanted by the wind; another set in every frame. */
#include "sim/render/render_internal.h"
#include <math.h>

static uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

/* Eight bits of what the camera makes of a light. */
static int shown(float radiance, float exposure)
{
    float v = radiance * exposure;
    v = v * (2.51f * v + 0.03f) / (v * (2.43f * v + 0.59f) + 0.14f);
    return (int)(255 * powf(fminf(1, v), 1 / 2.2f) + 0.5f);
}

static void blend(uint8_t *pixel, const int color[3], int part) /* part of 256 */
{
    for (int k = 0; k < 3; k++)
        pixel[k] = (uint8_t)(pixel[k] + (color[k] - pixel[k]) * part / 256);
}

/* The same in linear light. Mixed as roots, which is about how the finished picture is coded, and a quarter weaker, as the tone curve then
 * makes it stronger, a streak looks the same in both. */
static void blend_radiance(float *pixel, const float light[3], int part)
{
    float share = (float)part * (0.75f / 256);
    for (int k = 0; k < 3; k++) {
        float root = sqrtf(pixel[k]), mixed = root + (sqrtf(light[k]) - root) * share;
        pixel[k] = mixed * mixed;
    }
}

void render_rain(const render_environment *e, uint8_t *bgra, float *radiance, int width, int height)
{
    enum { PIXELS_PER_STREAK = 1100, ONE = 256 };
    /* Drops gather light from all around: the sky, and at night what little the street gives. */
    int color[3];
    float light[3];
    for (int k = 0; k < 3; k++) {
        light[k] = 1.25f * e->horizon_rgb[k] + 0.02f;
        color[2 - k] = shown(light[k], e->exposure);
    }
    int count = (int)(e->rain * (float)width * (float)height / PIXELS_PER_STREAK);
    int slant = (int)(e->rain_slant * ONE);
    for (int i = 0; i < count; i++) {
        uint32_t a = mix(e->rain_seed * 0x9e3779b9u + (uint32_t)i), b = mix(a), c = mix(b);
        int near = (int)(c >> 16 & 3); /* near ones are longer and fainter */
        int length = 2 + height * (4 + 4 * near) / 240 + (int)(c & 7) * height / 600;
        int y0 = (int)(b % (uint32_t)(height + length)) - length,
            x0 = (int)(a % (uint32_t)(width + height)) * ONE - slant * height;
        int part = 52 - 9 * near;
        for (int y = y0 < 0 ? 0 : y0; y < y0 + length && y < height; y++) {
            int x = x0 + slant * y, column = x >> 8, share = x & (ONE - 1);
            for (int side = 0; side < 2; side++) { /* between two pixels */
                int at = column + side, part_here = part * (side ? share : ONE - share) / ONE;
                if (at < 0 || at >= width)
                    continue;
                size_t pixel = ((size_t)y * (size_t)width + (size_t)at) * 4;
                if (bgra)
                    blend(bgra + pixel, color, part_here);
                if (radiance)
                    blend_radiance(radiance + pixel, light, part_here);
            }
        }
    }
}
