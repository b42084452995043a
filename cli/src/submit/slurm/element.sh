
# Of an array, only this form names one element. SLURM_JOB_ID would do for some of them, and for one name the whole array.
element=${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}
restarts=${SLURM_RESTART_COUNT:-0}
say() { echo "$(date '+%F %T') $element on ${SLURMD_NODENAME:-$HOSTNAME}, start $((restarts + 1)): $*"; }

# USR1 says that the time is almost up (--signal above). Slurm tells this shell alone, so it is handed on: tonemill finishes
# the tasks that it is rendering, begins no other, and ends with status 75.
# TERM says that the job is cancelled or its time is over. Slurm tells every process of the job, so it is not handed on (a
# second TERM would have tonemill end at once), and this shell merely outlives it, to see how tonemill ends.
renderer=
signalled=
# shellcheck disable=SC2317 # It is called by the trap.
hurry() {
  signalled=yes hurried=yes
  [ -z "$renderer" ] || kill -USR1 "$renderer" 2>/dev/null
}
trap hurry USR1
trap 'signalled=yes' TERM

# In the background: bash would not notice a signal before a program in the foreground has ended.
say "part $SLURM_ARRAY_TASK_ID of $parts"
"$tonemill" run "$plan" --shard "$SLURM_ARRAY_TASK_ID/$parts" --workers "$SLURM_CPUS_PER_TASK" "${options[@]}" &
renderer=$!
# The signal may have come before there was anybody to hand it to.
[ -z "${hurried:-}" ] || kill -USR1 "$renderer" 2>/dev/null

# A signal ends the waiting as well, with a status that is not tonemill's; then it is waited again. Of a process that has
# ended meanwhile, bash still knows the status.
while :; do
  signalled=
  wait "$renderer"
  status=$?
  [ -n "$signalled" ] || break
done

# 0: all done. 10: done, but some tasks failed, and would fail again. 2: bad input. 75: interrupted, or the disk is full.
# Above 128: a signal ended tonemill itself, as the kernel does where memory is short. Slurm does not requeue what fails, so
# that an element asks for it itself where another try can help.
case $status in
  75) say "tonemill has stopped before its end (status 75)" ;;
  129 | 1[3-9]? | 2??) say "signal $((status - 128)) has ended tonemill (status $status)" ;;
  *)
    say "ended with status $status"
    exit "$status"
    ;;
esac
if [ "$restarts" -ge "$most_restarts" ]; then
  say "it was started $((restarts + 1)) times, which is enough. To go on: sbatch --array=$SLURM_ARRAY_TASK_ID with this script"
  exit "$status"
fi

# slurmctld may be away for a while; without it nothing can be requeued.
for _ in $(seq 120); do
  if job=$(scontrol --oneliner show job "$element"); then
    # A node that was taken for dead may come back: then its element has been requeued, and goes on elsewhere.
    if [[ " $job " != *" Restarts=$restarts "* ]]; then
      say "it was requeued already"
      exit "$status"
    fi
    # What is being cancelled must not come back. Running out of time looks the same but for the reason.
    if [[ $job != *JobState=RUNNING* && $job != *Reason=TimeLimit* ]]; then
      say "it was cancelled, and is not requeued"
      exit "$status"
    fi
    if scontrol requeue "$element"; then
      say "requeued"
      exit "$status"
    fi
  fi
  sleep 5
done
say "slurmctld does not answer, so it cannot be requeued. To go on: sbatch --array=$SLURM_ARRAY_TASK_ID with this script"
exit "$status"
