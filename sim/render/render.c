/* sim/render/render.c — one frame: triangle setup and binning of what is in view, then the tiles on a pool of threads. */
#include "sim/render/render_internal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/cpu.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct render {
    const scene *scene;
    base_pool *pool;
    render_options options;
    const render_kernel *kernel;
    uint32_t *textures;
    float *clouds;
    uint8_t display[DISPLAY_COUNT + 3];
    render_shadow *shadow;
    render_shape world, *meshes; /* [mesh] */
    render_items view;           /* of the frame at hand */
    render_slot slots[SLOTS];
    render_scratch **scratch; /* per worker */
    int workers;
    render_lens lens;
    render_pass pass;
    render_stats stats;
};

static bool make_shape(const scene_part *part, render_shape *out)
{
    size_t vertices = (size_t)part->vertex_count + RENDER_PADDING, triangles = (size_t)part->triangle_count + RENDER_PADDING;
    float *memory = calloc(vertices + triangles, 3 * sizeof *memory);
    if (!memory)
        return false;
    *out = (render_shape){ memory, memory + vertices, memory + 2 * vertices, { NULL }, memory };
    for (uint32_t i = 0; i < part->vertex_count; i++) {
        out->x[i] = part->vertices[i].position[0];
        out->y[i] = part->vertices[i].position[1];
        out->z[i] = part->vertices[i].position[2];
    }
    for (int k = 0; k < 3; k++)
        out->vertex[k] = (int32_t *)(void *)(memory + 3 * vertices) + (size_t)k * triangles;
    return true;
}

/* Triangles of a chunk; of a mesh all are one chunk. */
static void add_triangles(const scene_part *part, uint32_t first_vertex, uint32_t first, uint32_t count, render_shape *out)
{
    for (uint32_t i = first; i < first + count; i++) {
        const scene_triangle *t = &part->triangles[i];
        for (int k = 0; k < 3; k++)
            out->vertex[k][i] = (int32_t)(t->vertex[k] - first_vertex);
        if (t->flags & SCENE_TWO_SIDED)
            out->vertex[0][i] |= INT32_MIN;
    }
}

static bool make_shapes(render *r)
{
    const scene *s = r->scene;
    r->meshes = calloc((size_t)s->mesh_count + 1, sizeof *r->meshes);
    if (!r->meshes || !make_shape(&s->world, &r->world))
        return false;
    for (uint32_t i = 0; i < s->chunk_count; i++)
        add_triangles(&s->world, s->chunks[i].first_vertex, s->chunks[i].first_triangle, s->chunks[i].triangle_count,
                      &r->world);
    for (uint32_t i = 0; i < s->mesh_count; i++) {
        if (!make_shape(&s->meshes[i], &r->meshes[i]))
            return false;
        add_triangles(&s->meshes[i], 0, 0, s->meshes[i].triangle_count, &r->meshes[i]);
    }
    return true;
}

static const render_kernel *choose_kernel(uint32_t bits)
{
#if defined(__x86_64__)
    if (bits & CPU_AVX512)
        return &render_kernel_avx512;
    if (bits & CPU_AVX2)
        return &render_kernel_avx2;
#else
    (void)bits;
#endif
    return &render_kernel_plain;
}

/* Narkowicz's fit of the ACES film curve, then sRGB (IEC 61966-2-1), at the middle of each step. */
static void fill_display(uint8_t display[DISPLAY_COUNT + 3])
{
    for (int i = 0; i < DISPLAY_COUNT; i++) {
        int exponent = i / 256 - 12;
        double v = ldexp(1 + (i % 256 + 0.5) / 256, exponent), c = v * (2.51 * v + 0.03) / (v * (2.43 * v + 0.59) + 0.14);
        c = c < 1 ? c : 1;
        c = c <= 0.0031308 ? 12.92 * c : 1.055 * pow(c, 1 / 2.4) - 0.055;
        display[i] = (uint8_t)(255 * c + 0.5);
    }
    memset(display + DISPLAY_COUNT, display[DISPLAY_COUNT - 1], 3);
}

render *render_create(const scene *s, base_pool *pool, const render_options *o, base_error *err)
{
    assert(s->finished);
    render_options options = o ? *o : render_options_default();
    if (!(options.shadow_range_m >= 20) || !(options.shadow_range_m <= 400)) {
        base_fail(err, BASE_ARGUMENT, "render: shadow_range_m is %g, expected 20..400", (double)options.shadow_range_m);
        return NULL;
    }
    render *r = calloc(1, sizeof *r);
    if (!r) {
        base_fail(err, BASE_MEMORY, "render: out of memory");
        return NULL;
    }
    r->scene = s;
    r->pool = pool;
    r->options = options;
    r->kernel = choose_kernel(options.cpu_bits);
    fill_display(r->display);
    r->workers = base_pool_threads(pool);
    r->scratch = calloc((size_t)r->workers, sizeof *r->scratch);
    bool good = r->scratch && (r->textures = render_textures_create(pool, options.seed, err)) &&
                (r->clouds = render_clouds_create(pool, options.seed, err)) &&
                (r->shadow = render_shadow_create(s, r->workers, err));
    for (int i = 0; good && i < r->workers; i++) {
        r->scratch[i] = base_alloc_zero(1, sizeof **r->scratch, err);
        good = r->scratch[i] != NULL;
    }
    bool shaped = good && make_shapes(r);
    if (shaped)
        return r;
    if (!r->scratch || good)
        base_fail(err, BASE_MEMORY, "render: out of memory");
    render_destroy(r);
    return NULL;
}

void render_destroy(render *r)
{
    if (!r)
        return;
    for (int i = 0; r->scratch && i < r->workers; i++)
        if (r->scratch[i]) {
            free(r->scratch[i]->records);
            free(r->scratch[i]->gathered);
            free(r->scratch[i]->record_of);
            free(r->scratch[i]->setups);
            free(r->scratch[i]);
        }
    for (int i = 0; i < SLOTS; i++) {
        free(r->slots[i].setups);
        free(r->slots[i].pairs);
        free(r->slots[i].bins);
        free(r->slots[i].starts);
        free(r->slots[i].corners.memory);
        free(r->slots[i].kept);
    }
    for (uint32_t i = 0; r->meshes && i < r->scene->mesh_count; i++)
        free(r->meshes[i].memory);
    free(r->meshes);
    free(r->world.memory);
    render_shadow_destroy(r->shadow);
    free(r->scratch);
    free(r->view.items);
    free(r->textures);
    free(r->clouds);
    free(r);
}

render_stats render_last_stats(const render *r) { return r->stats; }

/* Contiguous runs of items with about the same number of triangles. */
static void share_out(render *r)
{
    uint64_t total = 0, done = 0;
    for (uint32_t i = 0; i < r->view.count; i++)
        total += r->view.items[i].triangle_count;
    uint32_t item = 0;
    for (int k = 0; k < SLOTS; k++) {
        r->slots[k].first_item = item;
        while (item < r->view.count && (k == SLOTS - 1 || done * SLOTS < total * (uint64_t)(k + 1)))
            done += r->view.items[item++].triangle_count;
        r->slots[k].item_count = item - r->slots[k].first_item;
    }
}

/* ---- setup and binning of one slot */

static bool reserve(void **array, uint32_t wanted, uint32_t *capacity, size_t size)
{
    if (wanted <= *capacity)
        return true;
    uint32_t n = wanted + wanted / 2 + 64;
    void *moved = realloc(*array, (size_t)n * size);
    if (!moved)
        return false;
    *array = moved;
    *capacity = n;
    return true;
}

/* Room for an item's corners and for the list of its triangles that may show. */
static bool reserve_item(render_slot *slot, const render_item *item)
{
    if (!reserve((void **)&slot->kept, item->triangle_count, &slot->kept_capacity, sizeof *slot->kept))
        return false;
    if (item->vertex_count <= slot->corner_capacity)
        return true;
    size_t n = (size_t)item->vertex_count + item->vertex_count / 2 + RENDER_PADDING;
    free(slot->corners.memory);
    slot->corner_capacity = 0;
    double *memory = slot->corners.memory = malloc(n * (5 * sizeof(double) + sizeof(int32_t)));
    if (!memory)
        return false;
    slot->corners = (render_corners){ memory,         memory + n,     memory + 2 * n,
                                      memory + 3 * n, memory + 4 * n, (int32_t *)(void *)(memory + 5 * n),
                                      memory };
    slot->corner_capacity = (uint32_t)n - RENDER_PADDING;
    return true;
}

static inline bool push_pair(render_slot *slot, uint32_t tile, uint32_t setup)
{
    if (slot->pair_count == slot->pair_capacity &&
        !reserve((void **)&slot->pairs, slot->pair_count + 1, &slot->pair_capacity, sizeof *slot->pairs))
        return false;
    slot->pairs[slot->pair_count++] = (render_pair){ tile, setup };
    return true;
}

/* Can the edge functions be positive anywhere in the tile? */
static bool touches_tile(const render_setup *t, int tx, int ty)
{
    for (int e = 0; e < 3; e++) {
        const double *q = t->edge[e];
        double best = q[2] + q[0] * (q[0] > 0 ? (tx + 1) * TILE : tx * TILE) + q[1] * (q[1] > 0 ? (ty + 1) * TILE : ty * TILE);
        if (best < 0)
            return false;
    }
    return true;
}

/* Does any sample of any pixel lie in the rectangle? Small ones only: up to two pixels each way. Positions in eighths of a pixel, as in
 * render_visibility_body.h; the middle is the label's. */
static bool hits_sample(const double lo[2], const double hi[2], bool antialias)
{
    static const double sample[5][2] = { { 0.5, 0.5 }, { 0.375, 0.125 }, { 0.875, 0.375 }, { 0.125, 0.625 }, { 0.625, 0.875 } };
    int x0 = (int)lo[0], y0 = (int)lo[1], x1 = (int)hi[0], y1 = (int)hi[1];
    for (int y = y0; y <= y1; y++)
        for (int x = x0; x <= x1; x++)
            for (int k = 0; k < (antialias ? 5 : 1); k++)
                if (x + sample[k][0] >= lo[0] && x + sample[k][0] <= hi[0] && y + sample[k][1] >= lo[1] &&
                    y + sample[k][1] <= hi[1])
                    return true;
    return false;
}

/* Pixels that a triangle in front of the camera may touch; false: it slips between all samples. The rectangle is a hundred-thousandth
 * of a pixel larger than the triangle, more than the edge functions can err. */
static bool pixel_bounds(const render_lens *c, const double x[3], const double y[3], render_setup *t)
{
    const double *p[2] = { x, y }, limit[2] = { c->width, c->height };
    double lo[2], hi[2];
    for (int a = 0; a < 2; a++) {
        double q0 = p[a][0], q1 = p[a][1], q2 = p[a][2];
        lo[a] = (q0 < q1 ? (q0 < q2 ? q0 : q2) : q1 < q2 ? q1 : q2) - 1e-5;
        hi[a] = (q0 > q1 ? (q0 > q2 ? q0 : q2) : q1 > q2 ? q1 : q2) + 1e-5;
        lo[a] = lo[a] > 0 ? lo[a] : 0;
        hi[a] = hi[a] < limit[a] ? hi[a] : limit[a];
    }
    if (hi[0] - lo[0] < 0.7 && hi[1] - lo[1] < 0.7 && !hits_sample(lo, hi, c->antialias))
        return false;
    t->x0 = (int16_t)lo[0];
    t->y0 = (int16_t)lo[1];
    t->x1 = (int16_t)(hi[0] < limit[0] ? (int)hi[0] + 1 : (int)limit[0]);
    t->y1 = (int16_t)(hi[1] < limit[1] ? (int)hi[1] + 1 : (int)limit[1]);
    return true;
}

/* A triangle that the cull has left; slot->setups has room for it. */
static bool set_up_triangle(const render *r, render_slot *slot, uint32_t item_index, uint32_t triangle)
{
    const render_item *item = &r->view.items[item_index];
    const scene_triangle *tri = &item->part->triangles[triangle];
    if (tri->flags & SCENE_HIDDEN)
        return true;
    const render_corners *at = &slot->corners;
    render_setup *t = &slot->setups[slot->setup_count]; /* it counts once it is known to be seen */
    double p[3][3];
    uint32_t corner[3];
    int outside = 0;
    for (int k = 0; k < 3; k++) {
        uint32_t i = corner[k] = tri->vertex[k] - item->first_vertex;
        p[k][0] = at->xw[i];
        p[k][1] = at->yw[i];
        p[k][2] = at->w[i];
        outside |= at->outside[i];
    }
    for (int e = 0; e < 3; e++) {
        const double *a = p[e == 2 ? 0 : e + 1], *b = p[e == 0 ? 2 : e - 1];
        t->edge[e][0] = a[1] * b[2] - a[2] * b[1];
        t->edge[e][1] = a[2] * b[0] - a[0] * b[2];
        t->edge[e][2] = a[0] * b[1] - a[1] * b[0];
    }
    double det = p[0][0] * t->edge[0][0] + p[0][1] * t->edge[0][1] + p[0][2] * t->edge[0][2];
    t->flipped = det < 0;
    if (det < 0) {
        if (!(tri->flags & SCENE_TWO_SIDED))
            return true;
        for (int e = 0; e < 3; e++)
            for (int k = 0; k < 3; k++)
                t->edge[e][k] = -t->edge[e][k];
        det = -det;
    }
    if (!(det > 0))
        return true;
    if (outside & OUT_NEAR) { /* a corner beside or behind the eye: anywhere on the screen */
        t->x0 = t->y0 = 0;
        t->x1 = (int16_t)r->lens.width;
        t->y1 = (int16_t)r->lens.height;
    } else {
        const double x[3] = { at->x[corner[0]], at->x[corner[1]], at->x[corner[2]] };
        const double y[3] = { at->y[corner[0]], at->y[corner[1]], at->y[corner[2]] };
        if (!pixel_bounds(&r->lens, x, y, t))
            return true;
    }
    t->item = item_index;
    t->triangle = triangle;
    t->inverse_det = 1 / det;
    double nearest = p[0][2] < p[1][2] ? p[0][2] : p[1][2];
    nearest = nearest < p[2][2] ? nearest : p[2][2];
    t->z_top = outside & OUT_NEAR ? INFINITY : (float)(1 / nearest);
    const scene_instance *in = item->instance;
    t->tag = in && in->tag ? in->tag : tri->tag;
    t->id = in && in->id ? in->id : tri->instance;
    int tx0 = t->x0 / TILE, ty0 = t->y0 / TILE, tx1 = (t->x1 - 1) / TILE, ty1 = (t->y1 - 1) / TILE;
    bool one = tx0 == tx1 && ty0 == ty1, any = false;
    for (int ty = ty0; ty <= ty1; ty++)
        for (int tx = tx0; tx <= tx1; tx++)
            if (one || touches_tile(t, tx, ty)) {
                any = true;
                if (!push_pair(slot, (uint32_t)(ty * r->pass.tiles_x + tx), slot->setup_count))
                    return false;
            }
    slot->setup_count += any;
    return true;
}

static bool sort_pairs(render_slot *slot, uint32_t tiles)
{
    if (!reserve((void **)&slot->starts, tiles + 2, &slot->start_capacity, sizeof *slot->starts) ||
        !reserve((void **)&slot->bins, slot->pair_count, &slot->bin_capacity, sizeof *slot->bins))
        return false;
    memset(slot->starts, 0, ((size_t)tiles + 2) * sizeof *slot->starts);
    uint32_t *next = slot->starts + 1; /* counts, then running ends: starts[t] ends up right */
    for (uint32_t i = 0; i < slot->pair_count; i++)
        next[slot->pairs[i].tile + 1]++;
    for (uint32_t t = 1; t <= tiles; t++)
        next[t] += next[t - 1];
    for (uint32_t i = 0; i < slot->pair_count; i++)
        slot->bins[next[slot->pairs[i].tile]++] = slot->pairs[i].setup;
    return true;
}

typedef struct frame_job {
    render *r;
    render_camera camera;
    int shadow_copies;
} frame_job;

static void fill_slot(render *r, int index)
{
    render_slot *slot = &r->slots[index];
    slot->setup_count = slot->pair_count = slot->triangles_in = 0;
    slot->failed = false;
    bool good = true;
    for (uint32_t i = slot->first_item; good && i < slot->first_item + slot->item_count; i++) {
        const render_item *item = &r->view.items[i];
        slot->triangles_in += item->triangle_count;
        good = reserve_item(slot, item);
        if (!good)
            break;
        r->kernel->transform(&r->lens, item->to_screen, item->shape, item->first_vertex, item->vertex_count, &slot->corners);
        uint32_t kept =
            r->kernel->cull(&r->lens, &slot->corners, item->shape, item->first_triangle, item->triangle_count, slot->kept);
        good = reserve((void **)&slot->setups, slot->setup_count + kept, &slot->setup_capacity, sizeof *slot->setups);
        for (uint32_t k = 0; good && k < kept; k++) {
            if (k + 8 < kept) /* they lie apart */
                __builtin_prefetch(&item->part->triangles[item->first_triangle + slot->kept[k + 8]]);
            good = set_up_triangle(r, slot, i, item->first_triangle + slot->kept[k]);
        }
    }
    good = good && sort_pairs(slot, (uint32_t)(r->pass.tiles_x * r->pass.tiles_y));
    slot->failed = !good;
}

/* Shadows of moving things and the triangles in view do not need each other: whoever is free takes the next one. */
static void prepare(void *user, int index, int worker)
{
    frame_job *job = user;
    if (index < job->shadow_copies)
        render_shadow_draw(job->r->shadow, index, worker);
    else
        fill_slot(job->r, index - job->shadow_copies);
}

static void run_tile(void *user, int tile, int worker)
{
    frame_job *job = user;
    job->r->kernel->tile(&job->r->pass, job->r->scratch[worker], tile);
}

/* ---- the frame */

static bool check_view(const render_view *v, base_error *err)
{
    if (v->width < 1 || v->width > 4096 || v->height < 1 || v->height > 4096)
        return base_fail(err, BASE_ARGUMENT, "render: picture of %d x %d pixels, expected 1..4096 each", v->width, v->height);
    if (!(v->fov_deg >= 1) || !(v->fov_deg <= 170))
        return base_fail(err, BASE_ARGUMENT, "render: field of view %g degrees, expected 1..170", v->fov_deg);
    const double number[] = {
        v->pose.location.x,       v->pose.location.y,        v->pose.location.z, v->pose.rotation.pitch_deg,
        v->pose.rotation.yaw_deg, v->pose.rotation.roll_deg, v->near_m
    };
    for (size_t i = 0; i < sizeof number / sizeof *number; i++)
        if (!isfinite(number[i]) || fabs(number[i]) > 1e7)
            return base_fail(err, BASE_ARGUMENT, "render: camera pose or near plane is not a finite number below 1e7");
    return true;
}

static void set_rays(render_pass *p, const render_camera *c)
{
    for (int k = 0; k < 3; k++) {
        double fx = c->rotation.m[k][0], ry = c->rotation.m[k][1], uz = c->rotation.m[k][2];
        p->ray_x[k] = (float)(ry / c->focal);
        p->ray_y[k] = (float)(-uz / c->focal);
        p->ray_0[k] = (float)(fx - ry * c->cx / c->focal + uz * c->cy / c->focal);
    }
}

/* Mostly the lower sky lights things, and walls lend each other some of its grey. */
static void set_above(render_pass *p)
{
    const render_environment *e = &p->environment;
    float grey = 0;
    for (int k = 0; k < 3; k++) {
        p->above_rgb[k] = e->zenith_rgb[k] + (e->horizon_rgb[k] - e->zenith_rgb[k]) * 0.55f;
        grey += p->above_rgb[k] / 3;
    }
    for (int k = 0; k < 3; k++)
        p->above_rgb[k] += (grey - p->above_rgb[k]) * 0.35f;
}

/* Directions have no place: of the matrices only the turn counts. Pixel (x, y) looks along forward + right (x - cx)/f - up (y - cy)/f. */
static void set_sky_motion(render_pass *p, const render_camera *now, const render_camera *before)
{
    double m[3][4], ray[3][3];
    render_to_screen(before, NULL, m);
    for (int k = 0; k < 3; k++) {
        ray[k][0] = now->rotation.m[k][1] / now->focal;
        ray[k][1] = -now->rotation.m[k][2] / now->focal;
        ray[k][2] = now->rotation.m[k][0] - ray[k][0] * now->cx - ray[k][1] * now->cy;
    }
    for (int q = 0; q < 3; q++)
        for (int k = 0; k < 3; k++)
            p->sky_before[q][k] = m[q][0] * ray[0][k] + m[q][1] * ray[1][k] + m[q][2] * ray[2][k];
}

bool render_frame(render *r, const render_view *view, const render_environment *environment, const scene_instance *instances,
                  int instance_count, const render_output *out, base_error *err)
{
    if (!check_view(view, err))
        return false;
    double start = base_clock_s();
    frame_job job = { r, render_camera_from(view), 0 };
    render_pass *p = &r->pass;
    p->scene = r->scene;
    p->width = view->width;
    p->height = view->height;
    p->tiles_x = (view->width + TILE - 1) / TILE;
    p->tiles_y = (view->height + TILE - 1) / TILE;
    p->antialias = view->antialias;
    p->inverse_near = (float)(1 / job.camera.near_m);
    p->environment = *environment;
    set_above(p);
    p->textures = r->textures;
    p->clouds = r->clouds;
    p->display = r->display;
    p->out = *out;
    p->slots = r->slots;
    p->slot_count = SLOTS;
    bool colour = out->bgra || out->radiance;
    r->lens = (render_lens){ job.camera.width, job.camera.height, job.camera.near_m, view->antialias && colour };
    set_rays(p, &job.camera);
    render_camera before = job.camera;
    if (view->before) {
        before.rotation = base_rotation_matrix(view->before->pose.rotation);
        before.location = view->before->pose.location;
    }
    set_sky_motion(p, &job.camera, &before);
    if (!render_collect(r->scene, &r->world, r->meshes, r->options.detail_range_m, view, &job.camera,
                        out->motion ? &before : NULL, instances, instance_count, &r->view, err))
        return false;
    p->items = r->view.items;
    share_out(r);
    r->stats = (render_stats){ .kernel = r->kernel->name };
    const float *sun = environment->sun_direction, *sun_rgb = environment->sun_rgb;
    p->shadow.on = false;
    if (r->options.shadows && colour && sun[2] > 0.03f && sun_rgb[0] + sun_rgb[1] + sun_rgb[2] > 0.02f)
        job.shadow_copies =
            render_shadow_begin(r->shadow, r->pool, sun, job.camera.location, r->options.shadow_range_m, r->view.items,
                                r->view.count, instances, instance_count, &p->shadow, &r->stats.shadow_tiles_drawn);
    double shadowed = base_clock_s();
    base_pool_run(r->pool, job.shadow_copies + SLOTS, prepare, &job);
    for (int i = 0; i < SLOTS; i++) {
        if (r->slots[i].failed)
            return base_fail(err, BASE_MEMORY, "render: no memory to set up %u triangles", r->slots[i].triangles_in);
        r->stats.triangles_in += r->slots[i].triangles_in;
        r->stats.triangles_set_up += r->slots[i].setup_count;
    }
    double set_up = base_clock_s();

    p->puddle_u = (float)fmod(job.camera.location.x / RENDER_PUDDLES_M, 1);
    p->puddle_v = (float)fmod(job.camera.location.y / RENDER_PUDDLES_M, 1);
    p->lamp_count = colour ? render_lamps_in_view(view->lamps, view->lamp_count, job.camera.location, job.camera.rotation.m,
                                                  job.camera.focal, view->width, view->height, job.camera.near_m, p->lamps)
                           : 0;
    base_pool_run(r->pool, p->tiles_x * p->tiles_y, run_tile, &job);
    for (int i = 0; i < r->workers; i++)
        if (r->scratch[i]->failed) {
            r->scratch[i]->failed = false;
            return base_fail(err, BASE_MEMORY, "render: no memory to shade a tile");
        }
    if (colour && environment->rain > 0)
        render_rain(environment, out->bgra, out->radiance, view->width, view->height);
    double end = base_clock_s();
    r->stats.shadow_s = shadowed - start;
    r->stats.geometry_s = set_up - shadowed;
    r->stats.tiles_s = end - set_up;
    return true;
}
