/* docs/protocol.md says of every function how it is answered; here that table is held against the wire's rows and the server. */
#include "sim/town/serve.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct line {
    bool listed, properly;
} line;

/* The rows "| `name` | 0.9.NN | properly|error | note |" of the document. */
static void read_table(line lines[WIRE_METHOD_COUNT])
{
    FILE *f = fopen("docs/protocol.md", "r");
    char text[512], name[128], answer[32];
    int release;
    assert_non_null(f);
    while (fgets(text, sizeof text, f)) {
        if (sscanf(text, "| `%127[a-zA-Z0-9_]` | 0.9.%d | %31s |", name, &release, answer) != 3)
            continue;
        const wire_method *m = wire_method_find(name, strlen(name), WIRE_0_9_16);
        if (!m)
            fail_msg("docs/protocol.md lists %s, which no release has", name);
        if (lines[m->id].listed)
            fail_msg("docs/protocol.md lists %s twice", name);
        if ((int)m->since != release)
            fail_msg("docs/protocol.md: %s is there since 0.9.%d, not 0.9.%d", name, (int)m->since, release);
        lines[m->id].listed = true;
        lines[m->id].properly = strcmp(answer, "properly") == 0;
        if (!lines[m->id].properly && strcmp(answer, "error") != 0)
            fail_msg("docs/protocol.md: %s is answered '%s', neither properly nor error", name, answer);
    }
    fclose(f);
}

static void test_table_lists_every_function(void **state)
{
    (void)state;
    line lines[WIRE_METHOD_COUNT] = { 0 };
    read_table(lines);
    int properly = 0;
    for (int i = 0; i < WIRE_METHOD_COUNT; i++) {
        const wire_method *m = wire_method_get((wire_method_id)i);
        if (!lines[i].listed)
            fail_msg("docs/protocol.md does not list %s", m->name);
        if (lines[i].properly && !town_handler_of(m->id))
            fail_msg("docs/protocol.md: %s is answered properly, but nothing answers it", m->name);
        properly += lines[i].properly;
    }
    print_message("# properly %d, error %d, all %d\n", properly, WIRE_METHOD_COUNT - properly, WIRE_METHOD_COUNT);
    assert_true(properly * 10 >= WIRE_METHOD_COUNT * 9);
}

/* Functions that the table calls errors refuse even what they would take: a vehicle that exists. */
static void test_errors_are_errors(void **state)
{
    (void)state;
    line lines[WIRE_METHOD_COUNT] = { 0 };
    read_table(lines);
    base_error err = { 0 };
    town_server_options o = town_server_options_default();
    o.map = "configs/maps/training_loop.xodr";
    o.maps_dir = "configs/maps";
    o.port = 0;
    o.threads = 1;
    town_server *s = town_server_create(&o, &err);
    if (!s)
        fail_msg("%s", err.text);
    town_description car = { .id = "vehicle.tesla.model3" };
    for (uint32_t uid = 1; uid <= town_blueprint_count(); uid++)
        if (!strcmp(town_blueprint_id(town_blueprint_at(uid)), car.id))
            car.uid = uid;
    uint32_t id = town_spawn(s->world, &car, (base_pose){ .location = { 0, 0, 100 } }, 0, TOWN_RIGID, &err);
    if (!id)
        fail_msg("%s", err.text);
    for (int i = 0; i < WIRE_METHOD_COUNT; i++) {
        const wire_method *m = wire_method_get((wire_method_id)i);
        town_handler handler = town_handler_of(m->id);
        if (lines[i].properly || !handler)
            continue;
        wire_memory_reset(s->memory);
        void *args = wire_memory_take(s->memory, 1, m->args->bytes + 1, &err);
        void *result = wire_memory_take(s->memory, 1, m->result->bytes + 1, &err);
        assert_true(args && result);
        if (m->id == WIRE_METHOD_console_command)
            ((wire_args_text *)args)->text = "stat fps";
        else /* all others begin with the actor */
            *(wire_actor_id *)args = id;
        base_error why = { 0 };
        town_call c = {
            .server = s, .world = s->world, .method = m, .args = args, .result = result, .memory = s->memory, .err = &why
        };
        if (handler(&c))
            fail_msg("docs/protocol.md: %s is an error, but it succeeds", m->name);
        if (strstr(why.text, TOWN_NOT_FOUND) || !why.text[0])
            fail_msg("%s refuses for another reason: '%s'", m->name, why.text);
    }
    town_server_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_lists_every_function),
        cmocka_unit_test(test_errors_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
