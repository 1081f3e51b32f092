#!/usr/bin/env bash
# A real SLURM on this machine, its daemons started for this test alone: the array script runs, one task is cancelled and one requeued, the results are whole.
# Usage: run_slurm.sh [COMMAND]. Exit code 77: skipped, with the reason.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
command=${1:-${SNELLEN_COMMAND:-$root/build/bin/snellen}}
skip() { echo "skipped: $*"; exit 77; }
[ -x "$command" ] || skip "no $command: build first"
for program in slurmctld slurmd sbatch scontrol munged; do
  command -v $program >/dev/null || skip "$program is not installed (Debian and Ubuntu: slurmctld slurmd slurm-client munge)"
done
[ "$(id -u)" -eq 0 ] || skip "slurmd needs root to start tasks"
! pgrep -x slurmctld >/dev/null && ! pgrep -x slurmd >/dev/null || skip "SLURM runs here already: the test leaves it alone"
folder=$(mktemp -d) || exit 1
chmod 755 "$folder"
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$folder"
}
trap finish EXIT
fail() {
  echo "FAILED: $*"
  tail -n 20 "$folder"/ctld.log "$folder"/d.log "$folder"/*.out 2>/dev/null
  exit 1
}
cd "$folder" || exit 1

# MUNGE tells the daemons who asks: with a key and a socket of this test's own.
mkdir munge
dd if=/dev/urandom of=munge/key bs=1 count=1024 2>/dev/null
chmod 400 munge/key
chmod 711 munge
munged --force --foreground --key-file=munge/key --socket=munge/socket --pid-file=munge/pid --seed-file=munge/seed --log-file=munge/log >munge/out 2>&1 & pids+=($!)
host=$(hostname -s)
export SLURM_CONF=$folder/slurm.conf
cat >slurm.conf <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/ctld.pid
SlurmdPidFile=$folder/d.pid
SlurmctldLogFile=$folder/ctld.log
SlurmdLogFile=$folder/d.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_interval=2
ReturnToService=2
JobRequeue=1
KillWait=5
MinJobAge=300
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=60 State=UP
CONF
mkdir state spool
slurmctld -D >/dev/null 2>&1 & pids+=($!)
slurmd -D >/dev/null 2>&1 & pids+=($!)
for _ in $(seq 60); do
  sinfo -h -o %T 2>/dev/null | grep -q idle && break
  sleep 1
done
sinfo -h -o %T 2>/dev/null | grep -q idle || fail "no node came up"
echo "SLURM $(sinfo --version | awk '{ print $2 }'): the node is idle"

"$command" sweep "$here/points.toml" --threads 2 --quiet --out alone || fail "the sweep without SLURM"

export SNELLEN=$command SNELLEN_HOME=$root
job=$(sbatch --parsable --array=1-4 --cpus-per-task=1 --mem-per-cpu=100M --time=10 --output="$folder/task-%a.out" "$root/cases/sweeps/slurm/array.sbatch" \
      "$here/points.toml" --out "$folder/array") || fail "sbatch"
state() { squeue -h -r -j "${job}_$1" -o %T 2>/dev/null; }
points() { find array/points -name '*.json' 2>/dev/null | wc -l; }
for _ in $(seq 600); do [ "$(points)" -ge 10 ] && break; sleep 0.1; done
[ "$(points)" -ge 10 ] || fail "the array computes nothing"
scontrol requeue "${job}_1" || fail "scontrol requeue"
scancel "${job}_2" || fail "scancel"
echo "after $(points) points task 1 is requeued, task 2 cancelled"
# SLURM runs a requeued task some time later: time enough for the others.
for _ in $(seq 400); do [ -z "$(state 3)$(state 4)" ] && break; sleep 1; done
for _ in $(seq 400); do [ -z "$(state 1)" ] && break; sleep 1; done
[ -z "$(state 1)" ] || fail "the requeued task did not end"
restarts=$(scontrol show job "${job}_1" | grep -o 'Restarts=[0-9]*')
[ "$restarts" = Restarts=1 ] || fail "task 1 was not requeued: $restarts"
there=$(points)
[ "$there" -lt 200 ] || fail "the cancelled task had nothing left to do: the test shows nothing"
echo "without task 2: $there of 200 points"
[ ! -e array/results.csv ] || fail "results of a part"
"$command" merge array >/dev/null
[ $? -eq 3 ] || fail "a merge of a part is not said to be one"
# The cancelled task once more, as a user would: the same script, this task alone.
again=$(sbatch --parsable --array=1-1 --cpus-per-task=1 --mem-per-cpu=100M --time=10 --output="$folder/again-%a.out" "$root/cases/sweeps/slurm/array.sbatch" \
        "$here/points.toml" --out "$folder/array") || fail "sbatch"
for _ in $(seq 400); do [ -z "$(squeue -h -j "$again" 2>/dev/null)" ] && break; sleep 1; done
[ "$(points)" -eq 200 ] || fail "$(points) points in the end"
for file in results.jsonl results.csv report.html; do cmp alone/$file array/$file || fail "$file differs"; done
grep -q '"SLURM_ARRAY_TASK_ID=' array/environment.json || fail "the manifest does not name SLURM's variables"
"$command" merge array >/dev/null || fail "merging once more"
cmp alone/results.jsonl array/results.jsonl || fail "a second merge differs"
echo "an array of 4 tasks, one requeued, one cancelled and run again: 200 points, the same bytes as without SLURM"
