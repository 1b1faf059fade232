# Beats beside a grandchild that beats too. Arguments: file, interpreter, program.
# The shell has no monotonic clock: it writes the seconds since boot, with a b before them.
trap "" INT TERM HUP
read -r stat < /proc/$$/stat
beat=$1 python=$2 program=$3 turns=0
set -- ${stat##*) }
start=${20}
"$python" -S "$program" beat "$beat" &
while [ "$turns" -lt 3000 ]; do
    read -r uptime rest < /proc/uptime
    echo "$$ $start b$uptime" >> "$beat"
    turns=$((turns + 1))
    sleep 0.03
done
