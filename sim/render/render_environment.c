/* sim/render/render_environment.c — CARLA's weather as light: sun and sky colours by the sun's height, clouds, fog.
 *
 * The colours are not physics but fits to what CARLA's cameras show: a clear noon exposes asphalt at about 110 of 255, a low
 * sun is warm and weak, a closed sky is grey and without shadows, fog hides the road at about 300 / fog_density metres. */
#include "sim/render/render.h"
#include "base/cpu.h"
#include <math.h>

render_weather render_weather_default(void)
{
    return (render_weather){ .cloudiness = 5,
                             .wind_intensity = 10,
                             .sun_altitude_deg = 45,
                             .fog_density = 2,
                             .fog_distance_m = 0.75f,
                             .fog_falloff = 0.1f };
}

render_options render_options_default(void)
{
    render_options o = { .shadows = true, .shadow_range_m = 160, .detail_range_m = 45, .seed = 1 };
    if (!base_cpu_select(NULL, &o.cpu_bits, NULL))
        o.cpu_bits = 0;
    return o;
}

static float mixf(float a, float b, float t) { return a + (b - a) * t; }

static float share(float percent) { return percent > 0 ? fminf(percent, 100) / 100 : 0; }

static float ramp(float x, float lo, float hi)
{
    float t = fmaxf(0, fminf(1, (x - lo) / (hi - lo)));
    return t * t * (3 - 2 * t);
}

render_environment render_environment_from_weather(const render_weather *w, double time_s)
{
    static const render_weather usual = { .sun_altitude_deg = 45 };
    float azimuth = isfinite(w->sun_azimuth_deg) ? w->sun_azimuth_deg : usual.sun_azimuth_deg;
    float altitude = isfinite(w->sun_altitude_deg) ? fmaxf(-90, fminf(90, w->sun_altitude_deg)) : usual.sun_altitude_deg;
    double az = BASE_RAD(azimuth), al = BASE_RAD(altitude);
    render_environment e = { .sun_direction = { (float)(cos(al) * cos(az)), (float)(cos(al) * sin(az)), (float)sin(al) } };

    float day = ramp(altitude, -8, 12), high = ramp(altitude, 0, 35), cover = share(w->cloudiness);
    float rain = share(w->precipitation), veil = cover * cover; /* a few clouds leave the sun alone, a closed sky takes it */
    float through = (1 - 0.97f * ramp(cover, 0.45f, 0.95f)) * ramp(altitude, -0.5f, 4);
    const float sun_low[3] = { 1.25f, 0.62f, 0.28f }, sun_high[3] = { 1.62f, 1.50f, 1.32f };
    const float zenith_low[3] = { 0.16f, 0.22f, 0.38f }, zenith_high[3] = { 0.105f, 0.245f, 0.62f };
    const float horizon_low[3] = { 0.78f, 0.56f, 0.42f }, horizon_high[3] = { 0.52f, 0.66f, 0.86f };
    const float grey[3] = { 0.62f, 0.64f, 0.67f }, night[3] = { 0.006f, 0.008f, 0.014f };
    float dull = 1 - 0.35f * rain;
    for (int k = 0; k < 3; k++) {
        e.sun_rgb[k] = mixf(sun_low[k], sun_high[k], high) * through * dull;
        float zenith = mixf(mixf(zenith_low[k], zenith_high[k], high), grey[k] * 0.95f, veil);
        float horizon = mixf(mixf(horizon_low[k], horizon_high[k], high), grey[k], veil);
        float strength = day * mixf(0.55f, 1, high) * dull;
        e.zenith_rgb[k] = zenith * strength + night[k];
        e.horizon_rgb[k] = horizon * strength + night[k] * 1.5f;
        e.cloud_rgb[k] = mixf(mixf(horizon_low[k], 1.0f, high) * 0.95f, grey[k] * 0.80f, veil) * strength + night[k];
    }
    /* Light from below: sky and sun on ground of reflectance about 0.2. */
    const float ground[3] = { 0.21f, 0.20f, 0.17f };
    for (int k = 0; k < 3; k++)
        e.ground_rgb[k] = ground[k] * (e.sun_rgb[k] * fmaxf(0, e.sun_direction[2]) + 0.7f * e.zenith_rgb[k]);
    e.cloud_cover = cover;
    double drift = (2.0 + 0.2 * fmax(0, w->wind_intensity)) * time_s;
    e.cloud_offset_m[0] = (float)fmod(drift, 1e6);
    e.cloud_offset_m[1] = (float)fmod(0.4 * drift, 1e6);
    /* Clear air still takes a little: distant things pale (visual range about 10 km). Rain shortens it to 1 km. */
    e.fog_density_per_m = 1.0f / 4500 + rain / 900 + share(w->fog_density) * share(w->fog_density) * 0.055f;
    e.fog_start_m = isfinite(w->fog_distance_m) && w->fog_distance_m > 0 ? w->fog_distance_m : 0;
    e.wetness = fmaxf(share(w->wetness), fmaxf(share(w->precipitation_deposits), 0.6f * rain));
    e.puddles = share(w->precipitation_deposits);
    e.window_light = 1 - ramp(altitude, -7, 3);
    e.rain = rain;
    e.rain_slant = 0.25f * share(w->wind_intensity);
    e.rain_seed = (uint32_t)(int64_t)floor(fmod(fabs(time_s), 1e6) * 1e3);
    /* As an automatic camera: darker scenes are exposed longer, up to a limit that leaves the night dark. */
    float level = 0.45f * (e.sun_rgb[1] * fmaxf(0, e.sun_direction[2])) + 0.55f * (0.5f * (e.zenith_rgb[1] + e.horizon_rgb[1]));
    e.exposure = 0.62f * powf(0.75f / fmaxf(level, 0.05f), 0.55f);
    return e;
}
