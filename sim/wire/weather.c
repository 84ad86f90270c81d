/* CARLA's weather presets are constants of its client library; the server never hears their names. */
#include "sim/wire/types.h"
#include <string.h>

/* Columns: cloudiness, precipitation, deposits, wind, sun azimuth, sun altitude, fog density, distance, falloff, wetness, scattering, Mie,
 * Rayleigh, dust. Azimuth -1 keeps the sun where it is. Checked against CARLA's own bytes in tests/golden/wire. */
static const struct {
    const char *name;
    wire_weather weather;
} presets[] = {
    { "Default", { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 0.03f, 0.0331f, 0 } },
    { "ClearNoon", { 5, 0, 0, 10, -1, 45, 2, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "CloudyNoon", { 60, 0, 0, 10, -1, 45, 3, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "WetNoon", { 5, 0, 50, 10, -1, 45, 3, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "WetCloudyNoon", { 60, 0, 50, 10, -1, 45, 3, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "MidRainyNoon", { 60, 60, 60, 60, -1, 45, 3, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "HardRainNoon", { 100, 100, 90, 100, -1, 45, 7, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "SoftRainNoon", { 20, 30, 50, 30, -1, 45, 3, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "ClearSunset", { 5, 0, 0, 10, -1, 15, 2, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "CloudySunset", { 60, 0, 0, 10, -1, 15, 3, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "WetSunset", { 5, 0, 50, 10, -1, 15, 2, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "WetCloudySunset", { 60, 0, 50, 10, -1, 15, 2, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "MidRainSunset", { 60, 60, 60, 60, -1, 15, 3, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "HardRainSunset", { 100, 100, 90, 100, -1, 15, 7, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "SoftRainSunset", { 20, 30, 50, 30, -1, 15, 2, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "ClearNight", { 5, 0, 0, 10, -1, -90, 60, 75, 1, 0, 1, 0.03f, 0.0331f, 0 } },
    { "CloudyNight", { 60, 0, 0, 10, -1, -90, 60, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 0 } },
    { "WetNight", { 5, 0, 50, 10, -1, -90, 60, 75, 1, 60, 1, 0.03f, 0.0331f, 0 } },
    { "WetCloudyNight", { 60, 0, 50, 10, -1, -90, 60, 0.75, 0.1f, 60, 1, 0.03f, 0.0331f, 0 } },
    { "SoftRainNight", { 60, 30, 50, 30, -1, -90, 60, 0.75, 0.1f, 60, 1, 0.03f, 0.0331f, 0 } },
    { "MidRainyNight", { 80, 60, 60, 60, -1, -90, 60, 0.75, 0.1f, 80, 1, 0.03f, 0.0331f, 0 } },
    { "HardRainNight", { 100, 100, 90, 100, -1, -90, 100, 0.75, 0.1f, 100, 1, 0.03f, 0.0331f, 0 } },
    { "DustStorm", { 100, 0, 0, 100, -1, 45, 2, 0.75, 0.1f, 0, 1, 0.03f, 0.0331f, 100 } },
};

bool wire_weather_preset(wire_weather *w, const char *name)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        if (strcmp(presets[i].name, name) == 0) {
            *w = presets[i].weather;
            return true;
        }
    return false;
}

const char *wire_weather_preset_name(size_t i) { return i < sizeof presets / sizeof *presets ? presets[i].name : NULL; }
