#include "cli/cli.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const cli_command *c, const cli_flag *flags, int flag_count)
{
    printf("usage: %s\n\n%s\n\n", c->usage, c->summary);
    for (int i = 0; i < flag_count; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", flags[i].name, flags[i].metavar ? " " : "",
                 flags[i].metavar ? flags[i].metavar : "");
        printf("  %-24s %s\n", left, flags[i].help);
    }
    printf("  %-24s %s\n\nexample: %s\n", "--help", "this text", c->example);
}

int cli_usage(const cli_command *c, const char *format, ...)
{
    va_list args;
    fputs("laneloop: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: %s\n", c->usage);
    return 2;
}

int cli_fail(const base_error *err)
{
    fprintf(stderr, "laneloop: %s\n", err->text);
    return 1;
}

static const cli_flag *find_flag(const cli_flag *flags, int count, const char *name, size_t bytes)
{
    for (int i = 0; i < count; i++)
        if (strlen(flags[i].name) == bytes && !memcmp(flags[i].name, name, bytes))
            return &flags[i];
    return NULL;
}

int cli_parse(const cli_command *c, const cli_flag *flags, int flag_count, int argc, char **argv, const char **positional,
              int min_positional, int max_positional, int *positional_count)
{
    int found = 0;
    bool flags_ended = false;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (!flags_ended && !strcmp(a, "--")) {
            flags_ended = true;
            continue;
        }
        if (!flags_ended && (!strcmp(a, "--help") || !strcmp(a, "-h"))) {
            print_help(c, flags, flag_count);
            return 0;
        }
        if (flags_ended || a[0] != '-' || !a[1]) {
            if (found == max_positional)
                return cli_usage(c, "unexpected argument '%s'", a);
            positional[found++] = a;
            continue;
        }
        size_t n = strcspn(a, "=");
        const cli_flag *f = find_flag(flags, flag_count, a, n);
        if (!f)
            return cli_usage(c, "unknown option '%.*s'", (int)n, a);
        if (f->set)
            *f->set = true;
        if (!f->metavar) {
            if (a[n])
                return cli_usage(c, "option '%s' takes no value", f->name);
            continue;
        }
        bool may_lack = f->metavar[0] == '[';
        if (a[n])
            *f->value = a + n + 1;
        else if (may_lack && (i + 1 == argc || argv[i + 1][0] == '-'))
            continue;
        else if (i + 1 < argc)
            *f->value = argv[++i];
        else
            return cli_usage(c, "option '%s' needs a value (%s)", f->name, f->metavar);
    }
    if (found < min_positional)
        return cli_usage(c, "%d argument%s missing", min_positional - found, min_positional - found == 1 ? " is" : "s are");
    if (positional_count)
        *positional_count = found;
    return CLI_GO;
}

bool cli_int(const char *flag, const char *text, long lo, long hi, int *out, base_error *err)
{
    if (!text)
        return true;
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (end == text || *end || errno == ERANGE || n < lo || n > hi)
        return base_fail(err, BASE_ARGUMENT, "%s: a whole number from %ld to %ld expected, found '%s'", flag, lo, hi, text);
    *out = (int)n;
    return true;
}

bool cli_u64(const char *flag, const char *text, uint64_t *out, base_error *err)
{
    if (!text)
        return true;
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno == ERANGE)
        return base_fail(err, BASE_ARGUMENT, "%s: a whole number from 0 to 2^64-1 expected, found '%s'", flag, text);
    *out = n;
    return true;
}

bool cli_double(const char *flag, const char *text, double lo, double hi, double *out, base_error *err)
{
    if (!text)
        return true;
    char *end;
    double d = strtod(text, &end);
    if (end == text || *end || !(d >= lo && d <= hi))
        return base_fail(err, BASE_ARGUMENT, "%s: a number from %g to %g expected, found '%s'", flag, lo, hi, text);
    *out = d;
    return true;
}

bool cli_name(const char *flag, const char *text, const char *const *names, int *out, base_error *err)
{
    char list[256] = "";
    if (!text)
        return true;
    for (int i = 0; names[i]; i++) {
        size_t used = strlen(list);
        if (!strcmp(text, names[i])) {
            *out = i;
            return true;
        }
        snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : names[i + 1] ? ", " : " or ", names[i]);
    }
    return base_fail(err, BASE_ARGUMENT, "%s: %s expected, found '%s'", flag, list, text);
}

bool cli_config_read(const char *path, void *options, const base_option *table, size_t count, base_error *err)
{
    base_json j;
    if (!base_json_read(&j, path, err))
        return false;
    bool ok = base_options_read(options, table, count, &j, j.root, err);
    base_json_free(&j);
    return ok;
}

int cli_config_print(const void *options, const base_option *table, size_t count)
{
    cJSON *object = base_options_print(options, table, count);
    char *text = object ? cJSON_Print(object) : NULL;
    if (text)
        puts(text);
    free(text);
    cJSON_Delete(object);
    return text ? 0 : 1;
}
