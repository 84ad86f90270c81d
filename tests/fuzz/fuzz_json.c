/* Any bytes as JSON: refused with a text, or a tree in which every value has a line. */
#include "base/json.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void visit(const base_json *j, const cJSON *value)
{
    if (base_json_line_of(j, value) < 1)
        abort();
    for (const cJSON *c = value->child; c; c = c->next)
        visit(j, c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    base_json j;
    base_error err = { 0 };
    if (base_json_parse(&j, (const char *)data, bytes, "fuzz", &err))
        visit(&j, j.root);
    else if (!err.text[0])
        abort();
    base_json_free(&j);
    return 0;
}
