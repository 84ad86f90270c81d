/* Light above white glows around its source, wider and weaker, and comes back from the lens' faces as ghosts on the other side of the
 * picture's middle.
 *
 * A pyramid: half the picture, a quarter ... of what lies above white; then from the smallest up each level is widened and added to the next
 * larger one. Unreal's default glows of all light, not only of what is above white (its threshold is -1): that would veil every picture. */
#include "sim/render/optics_internal.h"
#include <string.h>

enum { ROWS = 8 };
/* How much of the light goes into each level; together 1. */
static const float share_of_level[OPTICS_GLOW_LEVELS] = { 0.28f, 0.22f, 0.18f, 0.14f, 0.10f, 0.08f };

enum { GHOSTS = 5, GHOST_LEVEL = 2 };
/* A ghost at q from the middle shows what is at q times this; a colour each. */
static const float ghost_at[GHOSTS] = { -0.55f, -0.9f, -1.5f, -2.4f, 0.65f };
static const float ghost_rgb[GHOSTS][3] = {
    { 0.9f, 0.7f, 0.5f }, { 0.4f, 0.8f, 0.5f }, { 0.5f, 0.5f, 0.9f }, { 0.8f, 0.5f, 0.7f }, { 0.5f, 0.7f, 0.8f }
};

typedef struct glow {
    const render_optics *o;
    const optics_px *src;
    optics_px *dst;
    int width, height; /* of src and dst */
    float exposure;
    optics_plane *levels;
    const optics_plane *ghosts;
    int level;
} glow;

static optics_px above_white(optics_px light, float exposure)
{
    return optics_clamp(light * exposure - 1.0f, 0, 16); /* at most, or the sun would outshine all the rest */
}

static int last_row(int part, int height) { return (part + 1) * ROWS < height ? (part + 1) * ROWS : height; }

static void shrink_rows(void *user, int part, int worker)
{
    (void)worker;
    const glow *g = user;
    const optics_plane *to = &g->levels[g->level], *larger = g->level ? to - 1 : NULL;
    const optics_px *from = larger ? larger->at : g->src;
    int w = larger ? larger->width : g->width, h = larger ? larger->height : g->height;
    for (int y = part * ROWS; y < last_row(part, to->height); y++) {
        const optics_px *upper = from + (size_t)(2 * y) * (size_t)w, *lower = 2 * y + 1 < h ? upper + w : upper;
        for (int x = 0; x < to->width; x++) {
            int right = 2 * x + 1 < w ? 2 * x + 1 : 2 * x;
            optics_px sum;
            if (larger)
                sum = (upper[2 * x] + upper[right]) + (lower[2 * x] + lower[right]);
            else
                sum = (above_white(upper[2 * x], g->exposure) + above_white(upper[right], g->exposure)) +
                      (above_white(lower[2 * x], g->exposure) + above_white(lower[right], g->exposure));
            to->at[(size_t)y * (size_t)to->width + (size_t)x] = sum * 0.25f;
        }
    }
}

static void ghost_rows(void *user, int part, int worker)
{
    (void)worker;
    const glow *g = user;
    const optics_plane *from = &g->levels[GHOST_LEVEL], *to = g->ghosts;
    float w = (float)from->width, h = (float)from->height;
    for (int y = part * ROWS; y < last_row(part, to->height); y++)
        for (int x = 0; x < to->width; x++) {
            float u = ((float)x + 0.5f) / w - 0.5f, v = ((float)y + 0.5f) / h - 0.5f;
            optics_px sum = { 0 };
            for (int k = 0; k < GHOSTS; k++) {
                float su = u * ghost_at[k], sv = v * ghost_at[k],
                      edge = 1 - 4 * (su * su + sv * sv); /* fades towards the rim */
                if (edge <= 0)
                    continue;
                optics_px c = optics_sample(from->at, from->width, from->height, (su + 0.5f) * w, (sv + 0.5f) * h);
                optics_px tint = { ghost_rgb[k][0], ghost_rgb[k][1], ghost_rgb[k][2], 0 };
                sum += c * tint * edge;
            }
            to->at[(size_t)y * (size_t)to->width + (size_t)x] = sum * 0.15f; /* four faces of coated glass send little back */
        }
}

/* This level's own share, the widened sum of the smaller ones, and the ghosts. */
static void widen_rows(void *user, int part, int worker)
{
    (void)worker;
    const glow *g = user;
    optics_plane *to = &g->levels[g->level];
    const optics_plane *smaller = g->level + 1 < OPTICS_GLOW_LEVELS ? to + 1 : NULL;
    float own = g->o->bloom * share_of_level[g->level] / (g->level ? 1 : g->exposure), rest = g->level ? 1 : 1 / g->exposure;
    for (int y = part * ROWS; y < last_row(part, to->height); y++)
        for (int x = 0; x < to->width; x++) {
            size_t at = (size_t)y * (size_t)to->width + (size_t)x;
            optics_px sum = to->at[at] * own;
            if (smaller)
                sum += optics_sample(smaller->at, smaller->width, smaller->height, ((float)x + 0.5f) * 0.5f,
                                     ((float)y + 0.5f) * 0.5f) *
                       rest;
            if (g->level == GHOST_LEVEL && g->o->flare > 0)
                sum += g->ghosts->at[at] * g->o->flare;
            to->at[at] = sum;
        }
}

/* The largest level, half the picture, widened once more and added. */
static void add_rows(void *user, int part, int worker)
{
    (void)worker;
    const glow *g = user;
    const optics_plane *from = &g->levels[0];
    for (int y = part * ROWS; y < last_row(part, g->height); y++) {
        int near = y / 2, far = y % 2 ? near + 1 : near - 1;
        far = far < 0 ? 0 : far < from->height ? far : from->height - 1;
        const optics_px *a = from->at + (size_t)near * (size_t)from->width, *b = from->at + (size_t)far * (size_t)from->width;
        size_t row = (size_t)y * (size_t)g->width;
        optics_px before = a[0] * 0.75f + b[0] * 0.25f, here = before;
        for (int i = 0; i < from->width; i++) { /* two pixels each */
            int next = i + 1 < from->width ? i + 1 : i;
            optics_px after = a[next] * 0.75f + b[next] * 0.25f;
            size_t at = row + 2 * (size_t)i;
            g->dst[at] = g->src[at] + (here * 0.75f + before * 0.25f);
            if (2 * i + 1 < g->width)
                g->dst[at + 1] = g->src[at + 1] + (here * 0.75f + after * 0.25f);
            before = here;
            here = after;
        }
    }
}

bool optics_glow(const render_optics *o, base_pool *pool, const optics_px *src, int width, int height, float exposure,
                 optics_plane levels[OPTICS_GLOW_LEVELS], optics_plane *ghosts, optics_px *dst, base_error *err)
{
    glow g = { .o = o,
               .src = src,
               .dst = dst,
               .width = width,
               .height = height,
               .exposure = exposure,
               .levels = levels,
               .ghosts = ghosts };
    int w = width, h = height;
    for (int i = 0; i < OPTICS_GLOW_LEVELS; i++) {
        w = (w + 1) / 2;
        h = (h + 1) / 2;
        if (!optics_plane_resize(&levels[i], w, h, err) || (i == GHOST_LEVEL && !optics_plane_resize(ghosts, w, h, err)))
            return false;
    }
    for (g.level = 0; g.level < OPTICS_GLOW_LEVELS; g.level++)
        base_pool_run(pool, (levels[g.level].height + ROWS - 1) / ROWS, shrink_rows, &g);
    if (o->flare > 0)
        base_pool_run(pool, (ghosts->height + ROWS - 1) / ROWS, ghost_rows, &g);
    for (g.level = OPTICS_GLOW_LEVELS - 1; g.level >= 0; g.level--)
        base_pool_run(pool, (levels[g.level].height + ROWS - 1) / ROWS, widen_rows, &g);
    base_pool_run(pool, (height + ROWS - 1) / ROWS, add_rows, &g);
    return true;
}
