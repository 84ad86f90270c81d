/* cli/doctor.h — what the files of `laneloop doctor` share: findings, one line each.
 *
 *     warning  settings     synchronous mode is on and nobody ticks -> laneloop doctor --host H --port P --reset
 *
 * With --json a line is {"grade":"warning","about":"settings","finding":"...","action":"..."} and the finding's numbers. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H
#include "cli/cli.h"
#include "sim/client/client.h"

typedef enum doctor_grade { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_BROKEN, DOCTOR_GRADES } doctor_grade;

typedef struct doctor {
    bool json;
    int count[DOCTOR_GRADES];
    char broken[256];         /* the subjects that are, comma-separated */
    cJSON *numbers;           /* of the next finding */
    wire_actor_id spawned[3]; /* by the self-test, 0: none; to be gone at the end */
} doctor;

/* A number that belongs to the next finding; shown in JSON only. */
void doctor_number(doctor *d, const char *key, double value);
/* Print one finding; action NULL: nothing is to be done. Control characters of peers do not come through. */
void doctor_say(doctor *d, doctor_grade grade, const char *about, const char *action, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* doctor_build.c: this program on this machine. */
void doctor_build(doctor *d);
/* doctor_server.c: a server, ours or CARLA. reset: leave it in asynchronous mode. False when the user stopped it. */
bool doctor_server(doctor *d, const char *host, int port, bool reset);
/* doctor_sensors.c: the sensor self-test on a connected, synchronous client. */
void doctor_sensors(doctor *d, client *c);
#endif
