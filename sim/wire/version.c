#include "sim/wire/version.h"
#include <ctype.h>
#include <string.h>

static const char *const names[WIRE_VERSION_COUNT] = { "0.9.13", "0.9.14", "0.9.15", "0.9.16" };

bool wire_version_parse(wire_version *version, const char *text, base_error *err)
{
    for (int i = 0; i < WIRE_VERSION_COUNT; i++) {
        size_t n = strlen(names[i]);
        /* Self-built trees append a git description behind a dash; "0.9.130" must not pass for 0.9.13. */
        if (strncmp(text, names[i], n) == 0 && (text[n] == 0 || text[n] == '-')) {
            *version = (wire_version)(WIRE_VERSION_FIRST + i);
            return true;
        }
    }
    return base_fail(err, BASE_VERSION, "CARLA version \"%.40s\": this build speaks " WIRE_VERSION_RANGE, text);
}

const char *wire_version_name(wire_version version) { return names[WIRE_VERSION_INDEX(version)]; }
