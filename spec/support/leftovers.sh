# shellcheck shell=sh
# What a job leaves behind: files in its temporary folder, processes. Part of spec/run.

# Each job has a temporary folder of its own. glibc's tmpnam and the C tests go to /tmp whatever TMPDIR says, so where the
# system lets us, the folder is mounted there, for the job alone. Not when the tests themselves live below /tmp. A network
# of its own it gets as well, unless the run is a job itself, whose jobs may call it.
#
# Prints the flags of spec/support/apart, or nothing.
ways_apart() {
  folder=$1
  shift
  case "$(pwd -P)/ $BUILD/ $* $PATH: ${LUA_PATH:-} ${LUA_CPATH:-} ${LUA_WRAPPER:-} ${C_WRAPPER:-}" in
    */tmp/*) return ;;
  esac
  for flags in $([ -n "${SPEC_JOB:-}" ] || echo -mn) -m; do
    if spec/support/apart "$flags" "$folder" true 2>/dev/null; then
      echo "$flags"
      return
    fi
  done
}

# Those of the job's process group, and those that left it, as daemons do, with the job's mark in their environment.
# (A server that writes its title over its environment stays in the group.)
processes_of() {
  {
    ps -A -o pid= -o pgid= -o stat= | awk -v group="$1" '$2 == group && $3 !~ /^Z/ {print $1}'
    [ ! -d /proc/self ] || grep -lszx "SPEC_JOB=$2" /proc/[0-9]*/environ 2>/dev/null | sed 's|[^0-9]||g'
  } | sort -un
}

# Quickly, since it is nearly always so. (A zombie in the group is seen through by processes_of alone.)
has_no_processes() {
  ! kill -0 -- "-$1" 2>/dev/null && [ -d /proc/self ] && ! grep -qszx "SPEC_JOB=$2" /proc/[0-9]*/environ 2>/dev/null
}

# Waits until the job's processes have ended, this many tenths of a second.
wait_for_end() {
  tenths=$3
  while processes=$(processes_of "$1" "$2") && [ -n "$processes" ]; do
    [ "$tenths" -gt 0 ] || return 1
    tenths=$((tenths - 1))
    sleep 0.1
  done
}

# end_processes SIGNAL GROUP MARK
end_processes() {
  for process in $(processes_of "$2" "$3"); do
    kill "-$1" "$process" 2>/dev/null
  done
}

# Says which processes of a job outlive it, and ends them. What goes down by itself, since nobody holds its standard input
# any more, has the time to.
left_processes() {
  has_no_processes "$1" "$2" && return
  wait_for_end "$1" "$2" $((10 * ${SPEC_GRACE:-10})) && return
  for process in $processes; do
    echo "left running: $(ps -o pid= -o args= -p "$process" | sed 's/^ *//')"
  done
  end_processes KILL "$1" "$2"
  wait_for_end "$1" "$2" 50
}

# valgrind's pipes stay when a program that it runs is killed.
left_files() {
  rmdir "$1" 2>/dev/null && return
  find "$1" -mindepth 1 ! -name 'vgdb-pipe-*' | sed "s|^$1|${TMPDIR:-/tmp}|; s|^|left behind: |"
}

# What git sees of the checkout, if it is one. (In a run inside a job, the other jobs are at work on it.)
tree_state() {
  [ ! -e .git ] || [ -n "${SPEC_JOB:-}" ] || git --no-optional-locks status --porcelain --ignored 2>/dev/null
}
