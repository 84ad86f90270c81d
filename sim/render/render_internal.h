/* sim/render/render_internal.h — what the files of the render room share.
 *
 *   render.c           sets up and bins the triangles of what is in view, runs the tiles
 *   render_view.c      the camera, and what is in its view
 *   render_occlusion.c what in view lies behind a wall
 *   render_shadow.c    the sun's shadow: square pieces of the plane across the sun's rays, kept between frames
 *   render_texture.c   the surface pictures and the clouds
 *   render_lamp.c      which lamps act in a picture, and where in it
 *   render_rain.c      streaks in front of the camera
 *   render_environment.c  weather -> light
 *   render_optics*.c   what a camera of its own makes of a picture's light (optics_internal.h)
 *   render_geometry_body.h  which triangles can show at all
 *   render_tile_body.h the tile kernels; both are compiled three times (render_tile_scalar.c, _avx2.c, _avx512.c) */
#ifndef SIM_RENDER_INTERNAL_H
#define SIM_RENDER_INTERNAL_H
#include "sim/render/render.h"

/* ---- surface pictures: [layer][mip pixels] of R, G, B, A bytes in one int. Each level has a row and a column more, copies of the first
 * ones, so that a texel's right neighbour is the next one in memory.
 * A texel t stands for the factor 2 (t/255)^2 on the material's colour; A is the share of glass, which has its own colour. */
enum {
    TEXTURE_SIZE_LOG2 = 8,
    TEXTURE_SIZE = 1 << TEXTURE_SIZE_LOG2,
    TEXTURE_LEVELS = TEXTURE_SIZE_LOG2 + 1,
    TEXTURE_TEXELS = 88412, /* 257^2 + 129^2 + ... + 2^2: all levels of one layer */
    CLOUD_SIZE = 512        /* one repeat of the cloud density, floats 0..1 */
};
uint32_t *render_textures_create(base_pool *pool, uint64_t seed, base_error *err); /* SCENE_TEXTURE_COUNT layers */
float *render_clouds_create(base_pool *pool, uint64_t seed, base_error *err);      /* CLOUD_SIZE squared */

/* ---- light to bytes: display[((bits of v) >> DISPLAY_SHIFT) - DISPLAY_FIRST] is the byte that shows v = radiance x exposure, tone curve and
 * display coding in one; 256 steps for each doubling of v, so that no step skips a byte. */
enum { DISPLAY_SHIFT = 15, DISPLAY_FIRST = (127 - 12) << 8, DISPLAY_COUNT = 16 << 8 };
#define DISPLAY_LEAST 0x1p-12f
#define DISPLAY_MOST  15.99f

/* ---- triangles in view */

enum { TILE_LOG2 = 6, TILE = RENDER_PART_PITCH, SLOTS = 16, SAMPLES_MAX = 4 };

typedef struct render_item { /* a chunk of the world or one instance */
    const scene_part *part;
    uint32_t first_triangle, triangle_count, first_vertex, vertex_count;
    const struct render_shape *shape; /* of the part */
    const scene_instance *instance;   /* NULL for the world */
    scene_bounds bounds;              /* in the world */
    double to_screen[3][4];           /* vertex -> (x w, y w, w) in pixels; w = metres along the camera's axis */
    double before[3][4];              /* vertex -> the same in the picture before, when motion is asked for */
    double normal[3][3];              /* of instances: mesh normal -> world */
} render_item;

typedef struct render_items { /* in view: moving things, then chunks from near to far */
    render_item *items;
    uint32_t count, capacity;
} render_items;

/* A part of the scene as the geometry kernels read it; arrays end with RENDER_PADDING more numbers. Prepared once. */
enum { RENDER_PADDING = 16 };
typedef struct render_shape {
    float *x, *y, *z;   /* [vertex] */
    int32_t *vertex[3]; /* [triangle]: counted from the first vertex of its chunk; the first one's top bit: two-sided */
    void *memory;
} render_shape;

typedef struct render_camera {
    base_mat3 rotation; /* its columns: forward, right, up */
    base_vec3 location;
    double focal, cx, cy, width, height, near_m;
    double plane[5][4]; /* inside where plane . (x, y, z, 1) >= 0: near, left, right, top, bottom */
} render_camera;
render_camera render_camera_from(const render_view *v);
/* World -> (x w, y w, w) in pixels; in: of points of an instance. */
void render_to_screen(const render_camera *c, const scene_instance *in, double out[3][4]);
/* world and meshes[mesh]: shapes of the scene's parts. before: camera of the picture before, NULL when no motion is asked for. */
bool render_collect(const scene *s, const render_shape *world, const render_shape *meshes, double detail_range_m,
                    const render_view *v, const render_camera *c, const render_camera *before, const scene_instance *instances,
                    int instance_count, render_items *out, base_error *err);

/* What a wall hides: where all planes are >= 0. */
typedef struct render_umbra {
    double plane[5][4];
} render_umbra;
enum { RENDER_UMBRAS_MAX = 16 };
/* Those of the walls that hide most, the largest first; returns how many. */
int render_umbras_find(const scene *s, const render_camera *c, render_umbra out[RENDER_UMBRAS_MAX]);
bool render_in_umbra(const render_umbra *umbras, int count, const scene_bounds *b);

typedef struct render_lens {
    double width, height, near_m;
    bool antialias; /* samples off the middle of the pixel count too */
} render_lens;

/* Corners of one item on the screen. */
enum { OUT_LEFT = 1, OUT_RIGHT = 2, OUT_TOP = 4, OUT_BOTTOM = 8, OUT_NEAR = 16 };
typedef struct render_corners {
    double *xw, *yw, *w; /* x w, y w in pixels, and w */
    double *x, *y;       /* pixels, where w >= near */
    int32_t *outside;    /* OUT_* */
    void *memory;
} render_corners;

/* Edge functions e_i(x, y) = a x + b y + c, positive inside, in pixels from the image's corner. They are the cross products of
 * the homogeneous corners and not normalised, so that two triangles give a shared edge with exactly opposite signs.
 * Their sum times inverse_det is 1/depth, linear in (x, y). */
typedef struct render_setup {
    double edge[3][3];
    double inverse_det;
    float z_top;             /* 1/depth of its nearest point; +INFINITY where it crosses the near plane */
    uint32_t item, triangle; /* triangle: of the item's part */
    uint32_t id;             /* as the label pictures show it */
    uint8_t tag;
    int16_t x0, y0, x1, y1; /* pixels it may cover, x1 and y1 excluded */
    bool flipped;           /* seen from behind */
} render_setup;

typedef struct render_pair {
    uint32_t tile, setup;
} render_pair;

/* Triangles of a contiguous run of items. Tiles read the slots in order, so that what a tile sees does not depend on which
 * thread filled a slot when. */
typedef struct render_slot {
    uint32_t first_item, item_count;
    render_setup *setups;
    render_pair *pairs;
    uint32_t *bins;         /* setups by tile: bins[starts[tile] .. starts[tile + 1]) */
    uint32_t *starts;       /* tile_count + 1 */
    render_corners corners; /* of the item at hand */
    uint32_t *kept;         /* triangles of the item at hand */
    uint32_t setup_count, setup_capacity, pair_count, pair_capacity, bin_capacity, start_capacity, corner_capacity,
        kept_capacity;
    uint32_t triangles_in;
    bool failed;
} render_slot;

/* ---- shadow */

enum {
    SHADOW_TEXELS = 512, /* across one piece, without its border */
    SHADOW_BORDER = 2,
    SHADOW_PITCH = 520, /* u16 per row */
    SHADOW_ROWS = SHADOW_TEXELS + 2 * SHADOW_BORDER,
    SHADOW_GRID = 24, /* pieces around the camera, per side */
    SHADOW_STATIC_MAX = 64,
    SHADOW_DYNAMIC_MAX = 12
};
#define SHADOW_PIECE_M 51.2

/* What the kernels need to look a point up: coordinates across the sun's rays, relative to the grid's corner, in pieces. */
typedef struct render_shadow_lookup {
    bool on;
    const uint16_t *maps;                     /* all pieces */
    int32_t piece[SHADOW_GRID * SHADOW_GRID]; /* first texel of a piece in maps, -1 = always lit */
    float across_s[3], across_t[3];           /* camera-relative world metres -> pieces */
    float origin_s, origin_t;                 /* of the camera in the grid */
    float sun[3], unit_s[3], unit_t[3];       /* towards the sun, and the plane's unit axes */
    float height_scale, height_origin;        /* camera-relative z -> u16 units */
    float range_m;
} render_shadow_lookup;

typedef struct render_shadow render_shadow;
render_shadow *render_shadow_create(const scene *s, int workers, base_error *err); /* of the pool that draws */
void render_shadow_destroy(render_shadow *s);
/* Find the pieces for what is in view (items), draw those that are new, and fill lookup. Returns how many copies with moving
 * things must then be drawn before anybody looks: render_shadow_draw for each index, in any order and by any worker. */
int render_shadow_begin(render_shadow *s, base_pool *pool, const float sun[3], base_vec3 camera, double range_m,
                        const render_item *items, uint32_t item_count, const scene_instance *instances, int instance_count,
                        render_shadow_lookup *lookup, uint32_t *new_pieces);
void render_shadow_draw(render_shadow *s, int index, int worker);

#define RENDER_PUDDLES_M 31 /* one repeat of the noise that places puddles */

/* ---- lamps */

/* Relative to the camera. A lamp acts on pixels x0..x1, y0..y1 at most. */
typedef struct render_lit {
    float at[3], rgb[3], inverse_range2, soft2, direction[3], cone_scale,
        cone_offset; /* cone: saturate(scale cos + offset)^2 */
    int x0, y0, x1, y1;
} render_lit;
/* rotation: columns forward, right, up. Fills lit[RENDER_LAMPS_MAX], the nearest first; returns how many. */
int render_lamps_in_view(const render_lamp *lamps, int count, base_vec3 camera, const double rotation[3][3], double focal,
                         int width, int height, double near_m, render_lit *lit);

/* Either picture may be NULL. */
void render_rain(const render_environment *e, uint8_t *bgra, float *radiance, int width, int height);

_Static_assert(TILE == 1 << TILE_LOG2, "tiles");

/* ---- one frame, as the kernels see it */

typedef struct render_pass {
    const scene *scene;
    const render_item *items;
    const render_slot *slots;
    int slot_count, tiles_x, tiles_y;
    int width, height;
    bool antialias;
    float inverse_near;
    base_vec3 camera;
    float ray_x[3], ray_y[3], ray_0[3]; /* world direction of the pixel (x, y) with unit depth: ray_0 + x ray_x + y ray_y */
    double sky_before[3][3];            /* pixel (x, y, 1) -> (x w, y w, w) of the same direction in the picture before */
    render_environment environment;
    float above_rgb[3]; /* light of the sky on what faces up */
    render_shadow_lookup shadow;
    const uint32_t *textures;
    const float *clouds;
    const uint8_t *display;   /* [DISPLAY_COUNT], and 3 more that may be read */
    float puddle_u, puddle_v; /* of the camera in the noise that places puddles */
    render_lit lamps[RENDER_LAMPS_MAX];
    int lamp_count;
    render_output out;
} render_pass;

/* Pixels of a record that wait until they fill a vector. */
typedef struct render_gathered {
    uint16_t count, pixel[16];
} render_gathered;

/* Scratch of one thread. */
enum { RECORD_FLOATS = 48, WHOLE_MAX = TILE * TILE, JOBS_MAX = TILE * TILE * SAMPLES_MAX };
typedef struct render_scratch {
    _Alignas(64) float z[TILE * TILE * SAMPLES_MAX];
    _Alignas(64) uint32_t id[TILE * TILE * SAMPLES_MAX];
    /* Of the middle of each pixel: [TILE][TILE]. */
    _Alignas(64) uint8_t label_tag[TILE * TILE];
    _Alignas(64) uint32_t label_id[TILE * TILE];
    _Alignas(64) float label_depth[TILE * TILE];
    float far[64];  /* least z of each 8 x 8 pixels, or less */
    bool stale[64]; /* written to since that was looked up */
    /* Pixels of one triangle, blocks and groups of them, then parts of pixels that several share: colour[][n] and radiance[][n] add up what
     * shared_pixel[n] shows. */
    _Alignas(64) uint32_t whole_record[WHOLE_MAX + 16];
    uint16_t whole_pixel[WHOLE_MAX + 16];
    uint32_t group_record[WHOLE_MAX / 4];
    uint16_t group_pixel[WHOLE_MAX];
    uint32_t block_record[WHOLE_MAX / 4];
    uint16_t block_pixel[WHOLE_MAX / 4];
    _Alignas(64) float colour[3][TILE * TILE + 16];
    _Alignas(64) float radiance[4][TILE * TILE + 16]; /* times its weight, and the weight */
    uint16_t shared_pixel[TILE * TILE];
    _Alignas(64) uint32_t job_record[JOBS_MAX + 16];
    _Alignas(64) float job_x[JOBS_MAX + 16], job_y[JOBS_MAX + 16], job_weight[JOBS_MAX + 16];
    uint16_t job_pixel[JOBS_MAX + 16];
    float *records;              /* [record][RECORD_FLOATS] */
    render_gathered *gathered;   /* [record] */
    uint32_t *record_of;         /* [triangle of the tile] */
    const render_setup **setups; /* [triangle of the tile] */
    uint32_t record_count, record_capacity, setup_capacity;
    uint8_t lamps[RENDER_LAMPS_MAX]; /* those that act in the tile */
    int lamp_count;
    bool failed;
} render_scratch;

typedef struct render_kernel {
    const char *name;
    void (*tile)(const render_pass *p, render_scratch *s, int tile);
    void (*transform)(const render_lens *c, const double to_screen[3][4], const render_shape *shape, uint32_t first,
                      uint32_t count, const render_corners *out);
    uint32_t (*cull)(const render_lens *c, const render_corners *at, const render_shape *shape, uint32_t first, uint32_t count,
                     uint32_t *kept);
} render_kernel;
extern const render_kernel render_kernel_plain;  /* 4 lanes: SSE2, NEON or plain C */
extern const render_kernel render_kernel_avx2;   /* 8 lanes */
extern const render_kernel render_kernel_avx512; /* 16 lanes */
#endif
