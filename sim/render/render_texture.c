/* sim/render/render_texture.c — surface pictures made from seeded noise: 256 x 256 texels with all mip levels per kind.
 *
 * Every picture repeats without a seam: noise lattices wrap at the picture's edge. A texel is a factor on the material's colour
 * (see render_internal.h), so one picture of bricks serves red and yellow walls; the A channel marks glass. */
#include "sim/render/render_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash3(uint32_t x, uint32_t y, uint32_t seed)
{
    uint32_t h = x * 0x9e3779b1u ^ y * 0x85ebca77u ^ seed * 0xc2b2ae3du;
    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    h ^= h >> 12;
    h *= 0x297a2d39u;
    return h ^ h >> 15;
}

static float hash_unit(uint32_t x, uint32_t y, uint32_t seed) { return (float)(hash3(x, y, seed) >> 8) * (1.0f / 16777216); }

/* Value noise in 0..1 on a lattice of `cells` x `cells` per repeat; x, y in 0..1. */
static float noise(float x, float y, int cells, uint32_t seed)
{
    float fx = x * (float)cells, fy = y * (float)cells;
    int ix = (int)floorf(fx), iy = (int)floorf(fy);
    float tx = fx - (float)ix, ty = fy - (float)iy;
    tx = tx * tx * (3 - 2 * tx);
    ty = ty * ty * (3 - 2 * ty);
    uint32_t x0 = (uint32_t)(ix % cells), x1 = (uint32_t)((ix + 1) % cells);
    uint32_t y0 = (uint32_t)(iy % cells), y1 = (uint32_t)((iy + 1) % cells);
    float a = hash_unit(x0, y0, seed), b = hash_unit(x1, y0, seed), c = hash_unit(x0, y1, seed), d = hash_unit(x1, y1, seed);
    a += (b - a) * tx;
    c += (d - c) * tx;
    return a + (c - a) * ty;
}

static float octaves(float x, float y, int cells, int count, uint32_t seed)
{
    float sum = 0, weight = 0.5f, total = 0;
    for (int k = 0; k < count; k++, cells *= 2, weight *= 0.5f) {
        sum += weight * noise(x, y, cells, seed + (uint32_t)k);
        total += weight;
    }
    return sum / total;
}

typedef struct texel {
    float r, g, b, a;
} texel; /* factors around 1; a = glass */

static texel grey(float k) { return (texel){ k, k, k, 0 }; }

static texel glass(float r, float g, float b) { return (texel){ r, g, b, 1 }; }

/* Cracks: thin dark lines where a noise crosses its middle. */
static float crack(float x, float y, int cells, float width, uint32_t seed)
{
    float d = fabsf(octaves(x, y, cells, 3, seed) - 0.5f);
    return d < width ? 1 - d / width : 0;
}

static texel asphalt(float x, float y, uint32_t seed)
{
    /* Fine even grain, light stones here and there, and slow stains: at 3 cm per texel anything in between looks like a carpet. */
    float grain = hash_unit((uint32_t)(x * 256), (uint32_t)(y * 256), seed);
    float stains = octaves(x, y, 3, 3, seed + 2);
    float k = 1 + 0.16f * (grain - 0.5f) + 0.05f * (noise(x, y, 96, seed + 1) - 0.5f) + 0.20f * (stains - 0.5f);
    if (grain > 0.985f)
        k += 0.14f;
    if (octaves(x, y, 3, 2, seed + 30) > 0.62f)
        k *= 1 - 0.26f * crack(x, y, 4, 0.006f, seed + 9);
    return grey(k);
}

static texel paint(float x, float y, uint32_t seed)
{
    /* Tyres wear it through in flakes, and it greys in blotches. */
    float wear = octaves(x, y, 12, 4, seed), grain = hash_unit((uint32_t)(x * 256), (uint32_t)(y * 256), seed + 5);
    float k = 1 + 0.08f * (grain - 0.5f) + 0.20f * (octaves(x, y, 6, 3, seed + 6) - 0.5f);
    float thin = wear + 0.10f * (noise(x, y, 80, seed + 7) - 0.5f);
    return grey(thin > 0.57f ? k * fmaxf(0.42f, 1 - 4.5f * (thin - 0.57f)) : k);
}

/* Distance to the nearest line of a grid with the given cell count, in parts of the picture. */
static float to_joint(float x, int cells)
{
    float f = x * (float)cells;
    f -= floorf(f);
    return (f < 0.5f ? f : 1 - f) / (float)cells;
}

static texel paving(float x, float y, uint32_t seed)
{
    float joint = fminf(to_joint(x, 2), to_joint(y, 2));
    float slab = hash_unit((uint32_t)(x * 2), (uint32_t)(y * 2), seed), stain = octaves(x, y, 4, 4, seed + 1);
    float k = 0.94f + 0.10f * slab + 0.30f * (stain - 0.5f) +
              0.08f * (hash_unit((uint32_t)(x * 256), (uint32_t)(y * 256), seed + 3) - 0.5f);
    return grey(joint < 0.006f ? 0.62f * k : k);
}

static texel concrete(float x, float y, uint32_t seed)
{
    float k = 1 + 0.30f * (octaves(x, y, 4, 5, seed) - 0.5f) +
              0.08f * (hash_unit((uint32_t)(x * 256), (uint32_t)(y * 256), seed + 7) - 0.5f);
    return grey(k);
}

static texel grass(float x, float y, uint32_t seed)
{
    float blade = hash_unit((uint32_t)(x * 256), (uint32_t)(y * 256), seed), tuft = noise(x, y, 64, seed + 1);
    float patch = octaves(x, y, 3, 5, seed + 2), dry = octaves(x, y, 4, 3, seed + 8);
    float k = 0.72f + 0.36f * blade + 0.34f * tuft + 0.22f * (patch - 0.5f);
    float yellow = fmaxf(0, dry - 0.5f) * 0.7f;
    return (texel){ k * (1 + 0.9f * yellow), k * (1 + 0.18f * yellow), k * (1 - 0.1f * yellow), 0 };
}

static texel earth(float x, float y, uint32_t seed)
{
    float k = 0.8f + 0.5f * octaves(x, y, 6, 5, seed) - 0.1f +
              0.16f * (hash_unit((uint32_t)(x * 256), (uint32_t)(y * 256), seed + 4) - 0.5f);
    return grey(k);
}

static texel bricks(float x, float y, int courses, uint32_t seed)
{
    int row = (int)(y * (float)courses), across = courses * 10 / 32; /* 25 cm long, 7.5 cm high */
    across = across < 1 ? 1 : across;
    float fx = x * (float)across + (row & 1 ? 0.5f : 0), fy = y * (float)courses - (float)row;
    float in = fx - floorf(fx);
    uint32_t column = (uint32_t)((int)floorf(fx) % across);
    float k = 0.78f + 0.42f * hash_unit(column, (uint32_t)row, seed) + 0.2f * (octaves(x, y, 5, 4, seed + 1) - 0.5f);
    if (in < 0.045f || fy < 0.14f)
        return (texel){ 1.02f, 1.10f, 1.22f, 0 };
    return (texel){ k, k * 0.97f, k * 0.95f, 0 };
}

/* What a window shows: darkness, a lighter upper part, perhaps a blind. v runs downwards inside the window. */
static texel pane(float u, float v, uint32_t seed, int id)
{
    float dark = 0.05f + 0.05f * (1 - v) + 0.02f * hash_unit((uint32_t)id, 7, seed);
    float blind = hash_unit((uint32_t)id, 3, seed);
    if (blind > 0.45f && v < blind - 0.25f)
        return (texel){ 0.55f, 0.53f, 0.48f, 0.35f };
    if (fabsf(u - 0.5f) > 0.47f - 0.1f * blind && blind < 0.3f)
        return (texel){ 0.42f, 0.40f, 0.38f, 0.35f };
    return glass(dark * 0.9f, dark, dark * 1.15f);
}

/* One bay of 3 x 3 m; v = 0 is its lower edge: uv grow upwards on walls. */
static texel facade(float u, float v, scene_texture kind, uint32_t seed, int bay)
{
    float up = v, stain = 0.24f * (octaves(u, v, 4, 4, seed) - 0.5f);
    if (kind == SCENE_FACADE_OFFICE) {
        if (up < 0.26f || up > 0.97f)
            return grey(0.92f + stain);
        if (to_joint(u, 2) < 0.016f || fabsf(up - 0.62f) < 0.012f)
            return grey(0.55f);
        float k = 0.07f + 0.05f * up + 0.02f * hash_unit((uint32_t)(u * 2), 1, seed);
        return glass(k * 0.85f, k, k * 1.2f);
    }
    if (kind == SCENE_FACADE_GLASS) { /* each pane leans a little differently, so that they do not mirror as one */
        if (to_joint(u, 3) < 0.014f || up < 0.02f || fabsf(up - 0.28f) < 0.010f)
            return grey(0.50f);
        if (up < 0.28f) /* the floor's edge behind dark panels: at night it does not shine */
            return grey(0.30f + 0.04f * hash_unit((uint32_t)(u * 3), 9, seed));
        float k = 0.06f + 0.02f * hash_unit((uint32_t)(u * 3), 1, seed) + 0.03f * up;
        return glass(k * 0.80f, k * 0.98f, k * 1.15f);
    }
    if (kind == SCENE_FACADE_STONE) {
        float x = fabsf(u - 0.5f), sill = 0.14f, spring = 0.62f, wide = 0.22f;
        float arch = up > spring ? sqrtf(fmaxf(0, wide * wide - (up - spring) * (up - spring))) : up > sill ? wide : 0;
        if (x < arch - 0.025f && fabsf(u - 0.5f) > 0.012f && fabsf(up - spring) > 0.012f)
            return pane(u, (0.85f - up) / 0.7f, seed, bay);
        if (x < arch)
            return (texel){ 0.42f, 0.38f, 0.33f, 0.4f };
        float ring = up > spring - 0.02f ? sqrtf(x * x + (up - spring) * (up - spring)) : x;
        if (up > sill - 0.05f && ring < wide + 0.055f && (up > sill || x < wide + 0.055f))
            return grey(1.16f + stain);
        int course = (int)(up * 7);
        float fx = u * 4 + (course & 1 ? 0.5f : 0), block = hash_unit((uint32_t)((int)fx & 3), (uint32_t)course, seed);
        bool joint = fx - floorf(fx) < 0.035f || up * 7 - (float)course < 0.06f;
        return grey(joint ? 0.62f : 0.86f + 0.22f * block + stain);
    }
    if (kind == SCENE_FACADE_SHOP) {
        if (up > 0.86f)
            return grey(up > 0.96f ? 0.7f : 1.0f + stain);
        if (u < 0.06f || u > 0.94f || up < 0.1f)
            return grey(0.85f + stain);
        if (up > 0.70f && up < 0.84f)
            return (texel){ 0.55f, 0.42f, 0.36f, 0.25f }; /* signboard */
        if (to_joint(u - 0.06f, 2) < 0.01f)
            return grey(0.35f);
        float k = 0.05f + 0.10f * octaves(u, v, 6, 3, seed + 5) * (1 - up);
        return glass(k, k, k * 1.1f);
    }
    float half = kind == SCENE_FACADE_BRICK ? 0.20f : 0.17f, low = kind == SCENE_FACADE_BRICK ? 0.30f : 0.16f, high = 0.80f;
    float x = u - 0.5f;
    if (fabsf(x) < half && up > low && up < high) {
        float frame = fminf(half - fabsf(x), fminf(up - low, high - up));
        if (frame < 0.022f || fabsf(x) < 0.011f || (kind == SCENE_FACADE_BRICK && fabsf(up - 0.56f) < 0.010f))
            return (texel){ 0.9f, 0.9f, 0.87f, 0.5f }; /* frames keep their own light colour */
        return pane((x + half) / (2 * half), (high - up) / (high - low), seed, bay);
    }
    if (fabsf(x) < half + 0.045f && up > low - 0.05f && up <= low)
        return (texel){ 1.35f, 1.35f, 1.32f, 0 }; /* sill */
    if (fabsf(x) < half + 0.03f && up >= high && up < high + 0.05f)
        return (texel){ 1.18f, 1.18f, 1.16f, 0 }; /* lintel */
    if (up < 0.03f)
        return grey(0.86f);
    float drip = fabsf(x) < half ? 0.10f * fmaxf(0, 1 - (low - up) * 6) : 0; /* dirt below sills */
    if (kind == SCENE_FACADE_BRICK) {
        texel t = bricks(u, v, 36, seed);
        return (texel){ t.r - drip, t.g - drip, t.b - drip, 0 };
    }
    return grey(1 + stain - drip + 0.05f * (hash_unit((uint32_t)(u * 256), (uint32_t)(v * 256), seed + 2) - 0.5f));
}

/* Leaves: cells around scattered points, each lit as its own small plane, dark where they end. */
static texel leaves(float x, float y, uint32_t seed)
{
    enum { CELLS = 22 };
    float fx = x * CELLS, fy = y * CELLS, nearest = 9, second = 9, lit = 0;
    int cx = (int)fx, cy = (int)fy;
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++) {
            uint32_t u = (uint32_t)((cx + i + CELLS) % CELLS), v = (uint32_t)((cy + j + CELLS) % CELLS);
            float dx = (float)(cx + i) + hash_unit(u, v, seed) - fx, dy = (float)(cy + j) + hash_unit(u, v, seed + 1) - fy;
            float turn = 3.14159f * hash_unit(u, v, seed + 2), c = cosf(turn), s = sinf(turn);
            float along = c * dx + s * dy, across = c * dy - s * dx, d = along * along * 0.6f + across * across * 1.9f;
            if (d < nearest) {
                second = nearest;
                nearest = d;
                lit = hash_unit(u, v, seed + 3) + 0.5f * across;
            } else if (d < second) {
                second = d;
            }
        }
    float edge = fminf(1, (second - nearest) * 3.5f), k = (0.42f + 0.95f * lit) * (0.40f + 0.60f * edge);
    float tone = noise(x, y, 11, seed + 4);
    k *= 0.75f + 0.5f * noise(x, y, 6, seed + 5);
    return (texel){ k * (0.85f + 0.4f * tone), k, k * (0.75f + 0.2f * tone), 0 };
}

static texel picture(scene_texture kind, float x, float y, uint32_t seed)
{
    switch (kind) {
    case SCENE_ASPHALT: return asphalt(x, y, seed);
    case SCENE_PAINT: return paint(x, y, seed);
    case SCENE_PAVING: return paving(x, y, seed);
    case SCENE_CONCRETE: return concrete(x, y, seed);
    case SCENE_GRASS: return grass(x, y, seed);
    case SCENE_EARTH: return earth(x, y, seed);
    case SCENE_BRICK: return bricks(x, y, 26, seed);
    case SCENE_FACADE_BRICK:
    case SCENE_FACADE_PLASTER:
    case SCENE_FACADE_OFFICE:
    case SCENE_FACADE_SHOP:
    case SCENE_FACADE_GLASS:
    case SCENE_FACADE_STONE: { /* two by two bays that differ in blinds and stains */
        int bay = (x >= 0.5f) + 2 * (y >= 0.5f);
        return facade(2 * x - (float)(x >= 0.5f), 2 * y - (float)(y >= 0.5f), kind, seed + 101 * (uint32_t)bay, bay);
    }
    case SCENE_ROOF: return grey(0.85f + 0.3f * octaves(x, y, 8, 5, seed) - (to_joint(x, 2) < 0.006f ? 0.25f : 0));
    case SCENE_BARK: {
        float k = 0.6f + 0.8f * noise(x, y * 0.25f + 0.1f * noise(x, y, 8, seed), 28, seed + 1);
        return (texel){ k, k * 0.98f, k * 0.94f, 0 };
    }
    case SCENE_LEAF: return leaves(x, y, seed);
    case SCENE_WOOD: {
        float k = 0.8f + 0.35f * noise(x, y * 0.5f, 60, seed) * noise(x, y, 6, seed + 1) +
                  0.2f * hash_unit((uint32_t)(x * 14), 0, seed + 2);
        return grey(to_joint(x, 14) < 0.004f ? 0.35f : k);
    }
    case SCENE_METAL: return grey(0.93f + 0.14f * noise(x, y, 24, seed));
    case SCENE_BANNER: { /* blocks and lines like print seen from afar */
        uint32_t block = hash3((uint32_t)(x * 9), (uint32_t)(y * 7), seed), line = (uint32_t)(y * 64);
        bool text = (block & 7) < 3 && (line & 3) < 2 && hash_unit((uint32_t)(x * 70), line, seed + 1) > 0.35f;
        float k = 0.65f + 0.7f * (float)(block >> 8 & 255) / 255, warm = 0.7f + 0.6f * (float)(block >> 16 & 255) / 255;
        return text ? (texel){ 1.9f, 1.9f, 1.8f, 0 } : (texel){ k * warm, k, k * (1.7f - warm), 0 };
    }
    case SCENE_RUBBER: return grey(0.9f + 0.2f * noise(x, y, 32, seed));
    default: return grey(0.97f + 0.06f * noise(x, y, 32, seed));
    }
}

static uint32_t pack(texel t)
{
    float c[4] = { sqrtf(fmaxf(t.r, 0) * 0.5f), sqrtf(fmaxf(t.g, 0) * 0.5f), sqrtf(fmaxf(t.b, 0) * 0.5f), t.a };
    if (t.a > 0) { /* glass colours are absolute; the shader halves what glass shows */
        for (int k = 0; k < 3; k++)
            c[k] = fminf(1, c[k] * (1 + 0.4142f * t.a));
    }
    uint32_t out = 0;
    for (int k = 0; k < 4; k++)
        out |= (uint32_t)lrintf(fminf(1, fmaxf(0, c[k])) * 255) << (8 * k);
    return out;
}

static uint32_t average(const uint32_t t[4])
{
    uint32_t out = 0;
    for (int k = 0; k < 4; k++) {
        float sum = 0;
        for (int i = 0; i < 4; i++) {
            float c = (float)(t[i] >> (8 * k) & 255);
            sum += k < 3 ? c * c : c;
        }
        out |= (uint32_t)lrintf(k < 3 ? sqrtf(sum / 4) : sum / 4) << (8 * k);
    }
    return out;
}

typedef struct texture_job {
    uint32_t *texels;
    uint64_t seed;
} texture_job;

/* A level's copies of its first column and row, behind the last ones. */
static void repeat_edges(uint32_t *level, int size)
{
    int pitch = size + 1;
    for (int y = 0; y < size; y++)
        level[y * pitch + size] = level[y * pitch];
    memcpy(level + size * pitch, level, (size_t)pitch * sizeof *level);
}

static void make_layer(void *user, int layer, int worker)
{
    (void)worker;
    const texture_job *job = user;
    uint32_t *level = job->texels + (size_t)layer * TEXTURE_TEXELS;
    uint32_t seed = hash3((uint32_t)job->seed, (uint32_t)(job->seed >> 32), (uint32_t)layer);
    const int pitch = TEXTURE_SIZE + 1;
    for (int y = 0; y < TEXTURE_SIZE; y++)
        for (int x = 0; x < TEXTURE_SIZE; x++)
            level[y * pitch + x] =
                pack(picture((scene_texture)layer, ((float)x + 0.5f) / TEXTURE_SIZE, ((float)y + 0.5f) / TEXTURE_SIZE, seed));
    repeat_edges(level, TEXTURE_SIZE);
    for (int size = TEXTURE_SIZE; size > 1; size /= 2) {
        int from = size + 1, to = size / 2 + 1;
        uint32_t *next = level + (size_t)from * from;
        for (int y = 0; y < size / 2; y++)
            for (int x = 0; x < size / 2; x++) {
                const uint32_t *q = level + (size_t)(2 * y) * from + 2 * x;
                next[y * to + x] = average((uint32_t[]){ q[0], q[1], q[from], q[from + 1] });
            }
        repeat_edges(next, size / 2);
        level = next;
    }
}

uint32_t *render_textures_create(base_pool *pool, uint64_t seed, base_error *err)
{
    texture_job job = { malloc((size_t)SCENE_TEXTURE_COUNT * TEXTURE_TEXELS * sizeof(uint32_t)), seed };
    if (!job.texels) {
        base_fail(err, BASE_MEMORY, "render: no memory for surface pictures");
        return NULL;
    }
    base_pool_run(pool, SCENE_TEXTURE_COUNT, make_layer, &job);
    return job.texels;
}

typedef struct cloud_job {
    float *density;
    uint32_t seed;
} cloud_job;

static void make_cloud_row(void *user, int row, int worker)
{
    (void)worker;
    const cloud_job *job = user;
    for (int x = 0; x < CLOUD_SIZE; x++)
        job->density[(size_t)row * CLOUD_SIZE + x] =
            octaves(((float)x + 0.5f) / CLOUD_SIZE, ((float)row + 0.5f) / CLOUD_SIZE, 5, 6, job->seed);
}

float *render_clouds_create(base_pool *pool, uint64_t seed, base_error *err)
{
    cloud_job job = { malloc((size_t)CLOUD_SIZE * CLOUD_SIZE * sizeof(float)),
                      hash3((uint32_t)seed, (uint32_t)(seed >> 32), 99) };
    if (!job.density) {
        base_fail(err, BASE_MEMORY, "render: no memory for clouds");
        return NULL;
    }
    base_pool_run(pool, CLOUD_SIZE, make_cloud_row, &job);
    return job.density;
}
