/* script.h - a scripted server: a thread that works through a list of steps and touches no Lua
 * state. */
#ifndef SPEC_SCRIPT_H
#define SPEC_SCRIPT_H

#include <pthread.h>

#include "native.h"

typedef struct sn_script sn_script;
typedef struct sn_step sn_step;

/* True: on to the next step. False: the script ends with script->why. */
typedef bool (*sn_action)(sn_script *script, const sn_step *step);

struct sn_step {
  sn_action run;
  const char *name; /* of the action */
  char *text;
  size_t size;
  double number;
  sn_context *context;
  size_t partner; /* of "repeat": the step behind its end; of its end: the "repeat" */
};

/* What an action takes behind its name. */
typedef enum sn_argument { SN_NO_ARGUMENT, SN_TEXT, SN_NUMBER, SN_TEXT_NUMBER, SN_TLS } sn_argument;

typedef struct sn_action_entry {
  const char *name;
  sn_argument argument;
  sn_action run;
} sn_action_entry;
extern const sn_action_entry sn_actions[];
bool sn_action_repeat(sn_script *script, const sn_step *step);
bool sn_action_repeat_end(sn_script *script, const sn_step *step);

#define SN_REPEAT_DEPTH 8

/* What the script received on one of its connections. */
typedef struct sn_peer {
  sn_conn conn;
  sn_bytes record;
  sn_tls_info info;
} sn_peer;

struct sn_script {
  sn_step *steps;
  size_t step_count, next;
  double step_seconds; /* the time limit of each step */
  int listener, port, stop_pipe[2];
  size_t repeats[SN_REPEAT_DEPTH], repeat_depth;
  sn_peer *current;
  pthread_t thread;
  bool is_running; /* the thread has to be joined */

  /* Below: both threads, under the lock. */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  sn_peer **peers;
  size_t peer_count;
  char **gates; /* the open ones */
  size_t gate_count;
  const char *waiting_at;
  bool is_done, is_stopped;
  char why[SN_WHY];
};

sn_limit sn_script_limit(const sn_script *script);
/* The thread's function; `argument` is the script. */
void *sn_script_run(void *argument);
/* Waits on the condition, with the lock held, until the time. False: it is over. */
bool sn_script_wait_changed(sn_script *script, double deadline);
void sn_script_open_gate(sn_script *script, const char *name);

#endif
