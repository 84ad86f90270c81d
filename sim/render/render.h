/* sim/render/render.h — a software rasteriser: scene, light and camera in; colour, tags, ids, depth, normals and motion out.
 *
 * Usual order: render_create once per scene, render_frame for each camera and frame, render_destroy.
 *
 * How: triangles are set up in double, binned to 64 x 64 tiles, and each tile keeps only 1/depth and a triangle number per
 * sample; what is visible is then shaded once per triangle and pixel (docs/renderer.md). Colour may be anti-aliased with four
 * coverage samples; tags, ids and depth are always those of the pixel's centre.
 *
 * Same scene and same arguments give the same bytes, whatever was drawn before and however many threads the pool has. Tags,
 * ids and depth are the same bytes on every instruction set too. Nothing here knows CARLA's protocol.
 *
 * Camera model: pinhole, x forward, y right, z up; f = width / (2 tan(fov/2)); the surface point (x, y, z) of the camera's
 * frame is at column width/2 + f y/x, row height/2 - f z/x; pixel (i, j) samples (i + 0.5, j + 0.5). Depth is x, in metres. */
#ifndef SIM_RENDER_RENDER_H
#define SIM_RENDER_RENDER_H
#include "base/pool.h"
#include "sim/scene/scene.h"

typedef struct render_options {
    bool shadows;         /* shadows of the sun; default true */
    float shadow_range_m; /* how far from the camera shadows are drawn, 20..400; default 160 */
    float
        detail_range_m; /* SCENE_DETAIL triangles are drawn up to this distance of their chunk at 400 pixels of focal length, in
                           proportion at others; 0 = always; default 45 */
    uint32_t cpu_bits;  /* base_cpu_select's result; chooses the build of the inner loops */
    uint64_t seed;      /* of clouds and surface grain; default 1 */
} render_options;

render_options render_options_default(void); /* cpu_bits = what LANELOOP_ISA allows, or everything detected */

/* Light and air. Colours are linear; one unit of radiance is a white surface in full noon sun. */
typedef struct render_environment {
    float sun_direction[3];              /* unit vector towards the sun */
    float sun_rgb[3];                    /* light of the sun on a surface that faces it; 0 at night */
    float zenith_rgb[3], horizon_rgb[3]; /* sky colours, also the sky's light on surfaces and the colour of fog */
    float ground_rgb[3];                 /* light from below: the sunlit ground's */
    float cloud_cover;                   /* 0 = clear, 1 = closed */
    float cloud_rgb[3];                  /* bright side of a cloud */
    float cloud_offset_m[2];             /* wind: where the clouds have drifted */
    float fog_density_per_m;             /* extinction at the ground; 0 = none */
    float fog_start_m;                   /* no fog nearer than this */
    float wetness;                       /* 0..1: dark, shiny surfaces; puddles towards 1 */
    float exposure;                      /* factor before the tone curve */
    float puddles;                       /* 0..1: share of level ground that stands under water */
    float window_light;                  /* 0 = day, 1 = night: some windows are lit */
    float rain;                          /* 0..1: streaks in front of the camera */
    float rain_slant;                    /* of the streaks: columns per row */
    uint32_t rain_seed;                  /* of this frame's streaks */
} render_environment;

/* A lamp: lights what is around it, casts no shadow. Its light on what faces it at d metres: rgb / (d2 + soft2), brought
 * smoothly to 0 at its range. */
typedef struct render_lamp {
    base_vec3 location;
    float rgb[3]; /* light on a surface that faces it 1 m away, unit of sun_rgb */
    float range_m;
    float
        soft_m; /* of a beam that is spread so that it lights near things no stronger than those at this distance; 0: a point */
    float direction[3]; /* unit vector of a beam: full light within the angle of cos_inner, none outside that of cos_outer */
    float cos_inner, cos_outer; /* cos_outer < -1: to all sides */
} render_lamp;
/* At most so many lamps act in a picture: those whose light reaches into it, the nearest first. */
enum { RENDER_LAMPS_MAX = 128 };

/* CARLA's weather, field by field (0..100 unless said); render_environment_from_weather makes light of it. */
typedef struct render_weather {
    float cloudiness, precipitation, precipitation_deposits, wind_intensity;
    float sun_azimuth_deg,
        sun_altitude_deg; /* azimuth from +x towards +y; negative fields of CARLA's "Default" keep these values */
    float fog_density, fog_distance_m, fog_falloff, wetness;
} render_weather;

render_weather render_weather_default(void); /* CARLA's ClearNoon: 5, 0, 0, 10, azimuth 0, altitude 45, fog 2 from 0.75 m */
render_environment render_environment_from_weather(const render_weather *w, double time_s);

/* Where the camera and the instances were in an earlier frame. */
typedef struct render_before {
    base_pose pose;                  /* of the camera */
    const scene_instance *instances; /* [instance_count], in the order of render_frame's */
} render_before;

typedef struct render_view {
    base_pose pose;                     /* of the camera in the world */
    int width, height;                  /* 1..4096 */
    double fov_deg;                     /* horizontal, 1..170 */
    double near_m;                      /* nothing nearer is drawn; 0 = 0.1 */
    bool antialias;                     /* colour from four coverage samples */
    const struct render_before *before; /* for motion; NULL: everything stood still */
    uint32_t hidden_id;                 /* instances with this id are left out (a camera in its own car); 0 = none */
    const render_lamp *lamps;           /* [lamp_count] */
    int lamp_count;
} render_view;

/* A rectangle of the picture: columns x0 .. x1 - 1 of rows y0 .. y1 - 1. Its labels, when any were asked for: row y0 + j begins at
 * [j * RENDER_PART_PITCH]. */
enum { RENDER_PART_PITCH = 64 };
typedef struct render_part {
    int x0, y0, x1, y1;
    const uint8_t *tag;
    const uint32_t *id;
    const float *depth;
} render_part;

/* What to write; NULL leaves it out. Rows are packed, row 0 on top. */
typedef struct render_output {
    uint8_t *bgra; /* [height][width][4], alpha 255 */
    /* [height][width][4]; linear red, green, blue before exposure and tone curve, and 1: what a camera of its own makes a picture of
     * (optics.h). 16-byte aligned. */
    float *radiance;
    uint8_t *tag;  /* [height][width]; sky is SCENE_TAG_SKY */
    uint32_t *id;  /* [height][width]; instance id, 0 = none */
    float *depth;  /* [height][width]; metres along the camera's x axis, +INFINITY in the sky */
    float *normal; /* [height][width][3]; unit vector of the shading, world frame; 0 in the sky */
    /* [height][width][2]; pixels to the right and down from where the surface point seen here was in view.before's picture. 0 for
     * points that were beside or behind the camera then. The sky is infinitely far. */
    float *motion;
    /* NULL, or called once for each part of the picture, as soon as everything above is written there: from any thread of the pool, several
     * at a time. Who turns pictures into something else finds them in the cache. */
    void (*finished)(void *user, const render_part *part);
    void *user;
    bool part_labels; /* tags, ids and depth for `finished` alone: they need no pictures above */
} render_output;

/* Time spent in the parts of the last frame, in seconds, and what it drew. Shadows: what is in view and the pieces that are new; those of moving
 * things are drawn beside the geometry. */
typedef struct render_stats {
    double geometry_s, shadow_s, tiles_s;
    uint32_t triangles_in, triangles_set_up; /* of chunks and things in view and not behind a wall; after culling */
    uint32_t shadow_tiles_drawn;             /* 0 when all were still there from earlier frames */
    const char *kernel;                      /* "scalar", "avx2", "avx512" */
} render_stats;

typedef struct render render;

/* scene must be finished and outlive the renderer, as must pool (NULL: the caller's thread only). A renderer serves one
 * frame at a time; several renderers may share a scene, and share a pool if they take turns. */
render *render_create(const scene *s, base_pool *pool, const render_options *o, base_error *err);
void render_destroy(render *r);

bool render_frame(render *r, const render_view *view, const render_environment *environment, const scene_instance *instances,
                  int instance_count, const render_output *out, base_error *err);
render_stats render_last_stats(const render *r);
#endif
