/* laneloop doctor without --host: the program, the processor, the libraries, and the programs beside it. */
#include "base/cpu.h"
#include "base/pool.h"
#include "cli/doctor.h"
#include "eval/view.h"
#include <cairo.h>
#include <curl/curl.h>
#include <expat.h>
#include <msgpack.h>
#include <omp.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static void instruction_sets(doctor *d)
{
    size_t count;
    const base_cpu_level *levels = base_cpu_levels(&count);
    uint32_t has = base_cpu_detect(), used;
    char names[128] = "", model[128];
    base_cpu_model(model, sizeof model);
    for (size_t i = 0; i < count; i++)
        if ((levels[i].bits & ~has) == 0) {
            size_t n = strlen(names);
            snprintf(names + n, sizeof names - n, "%s%s", n ? " " : "", levels[i].name);
        }
    base_error err = { 0 };
    const char *wish = getenv("LANELOOP_ISA");
    if (!base_cpu_select(NULL, &used, &err))
        doctor_say(d, DOCTOR_BROKEN, "processor", "unset LANELOOP_ISA, or name a level this processor has", "%s; it has: %s",
                   err.text, names);
    else if (wish && *wish && strcmp(wish, "auto") != 0 && used != has)
        doctor_say(d, DOCTOR_NOTE, "processor", "unset LANELOOP_ISA to use all of it",
                   "%s: LANELOOP_ISA holds it at %s; it has: %s", model, base_cpu_level_name(used), names);
    else
        doctor_say(d, DOCTOR_OK, "processor", NULL, "%s: kernels for %s; levels: %s", model, base_cpu_level_name(used), names);
}

static void threads(doctor *d)
{
    int cores = base_cores(), team = omp_get_max_threads();
    doctor_number(d, "cores", cores);
    doctor_number(d, "threads", team);
    if (team > cores)
        doctor_say(d, DOCTOR_WARNING, "threads", "unset OMP_NUM_THREADS: more threads than cores only wait for each other",
                   "%d threads on %d cores", team, cores);
    else if (team < cores)
        doctor_say(d, DOCTOR_NOTE, "threads", "unset OMP_NUM_THREADS to use all cores", "%d threads on %d cores", team, cores);
    else
        doctor_say(d, DOCTOR_OK, "threads", NULL, "%d on %d core%s", team, cores, cores == 1 ? "" : "s");
}

static bool on_path(const char *program)
{
    const char *p = getenv("PATH");
    char file[4096];
    while (p && *p) {
        int n = (int)strcspn(p, ":");
        if (n > 0 && snprintf(file, sizeof file, "%.*s/%s", n, p, program) < (int)sizeof file && access(file, X_OK) == 0)
            return true;
        p += n + (p[n] == ':');
    }
    return false;
}

/* Programs that laneloop runs without, but that its own targets call. */
static const struct {
    const char *name, *use, *get;
} helpers[] = {
    { "python3", "`make interop`: CARLA's official client as the judge", "apt install python3-venv" },
    { "clang", "`make fuzz` and the thread sanitizer", "apt install clang libomp-dev" },
};

void doctor_build(doctor *d)
{
    doctor_say(d, DOCTOR_OK, "build", NULL, "compiler %s; CARLA " WIRE_VERSION_RANGE, __VERSION__);
    instruction_sets(d);
    threads(d);
    XML_Expat_Version expat = XML_ExpatVersionInfo();
    doctor_say(d, DOCTOR_OK, "libraries", NULL, "curl %s, msgpack %s, png %s, zlib %s, cjson %s, expat %d.%d.%d, cairo %s",
               curl_version_info(CURLVERSION_NOW)->version, msgpack_version(), png_get_libpng_ver(NULL), zlibVersion(),
               cJSON_Version(), expat.major, expat.minor, expat.micro, cairo_version_string());
    char view[160];
    bool has_view = eval_view_libraries(view, sizeof view);
    doctor_say(d, has_view ? DOCTOR_OK : DOCTOR_NOTE, "live page", has_view ? NULL : view, "`laneloop serve --view`: %s",
               has_view ? view : "not in this build");
    for (size_t i = 0; i < sizeof helpers / sizeof *helpers; i++) {
        bool there = on_path(helpers[i].name);
        doctor_say(d, there ? DOCTOR_OK : DOCTOR_NOTE, helpers[i].name, there ? NULL : helpers[i].get, "%s (%s)",
                   there ? "found" : "not found", helpers[i].use);
    }
}
