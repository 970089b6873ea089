# Running Bazel tests and counting their cases from what they reported. Sourced by tests/run and .ci/run.

passed=0
failed=0
# What failed, in order; a script that runs another hands its own list down, and the outermost prints it.
outermost=0
[ -n "${MESHWARDEN_FAILURES:-}" ] || { outermost=1; MESHWARDEN_FAILURES=$(mktemp); export MESHWARDEN_FAILURES; }

# note_failure NAME [FOLDER]: remembers it, with what the test logs there tell of the first failed cases: enough to
# work with where the log itself is gone.
note_failure() {
  echo "FAILED: $1" | tee -a "$MESHWARDEN_FAILURES" >&2
  [ -z "${2:-}" ] || failure_details "$2" 2>/dev/null >>"$MESHWARDEN_FAILURES"
}

# The failures in the logs under the folder $1, each with the lines that follow it.
failure_details() {
  find -L "$1" -name test.log -exec cat {} + | awk '/: Failure$|Sanitizer: / { left = 12 }
       /^\[  (FAILED|PASSED)  \]|^\[ RUN/ { left = 0 }
       /^\[  FAILED  \] .*\(/ { left = 1 }
       left-- > 0 { print "  " substr($0, 1, 400); if (++lines == 40) exit }'
}

# list_tests FILTER PATTERN...: the test targets among the patterns that a run with this --test_tag_filters
# includes.
list_tests() {
  local tests tag with='' without='attr(tags, manual, $t)'
  for tag in ${1//,/ }; do
    case $tag in
      -*) without+=" + attr(tags, '\\b${tag#-}\\b', \$t)" ;;
      *) with+="${with:+ + }attr(tags, '\\b$tag\\b', \$t)" ;;
    esac
  done
  shift
  tests="tests(set($*))"
  bazel query --noshow_progress "let t = $tests in (${with:-\$t}) except ($without)" 2>/dev/null
}

# The sum of the attribute $2 over the JUnit files of this run under the folder $1, one a shard, each by its first
# element that has it; 0 if none.
junit_count() {
  find -L "$1" -name test.xml -newer "$started" -exec sed -n "/<testsuites\{0,1\}[^>]* $2=/{s/.* $2=\"\([0-9]*\)\".*/\1/p;q}" {} \; 2>/dev/null |
    awk '{ sum += $1 } END { print sum + 0 }'
}

# run_tests BAZEL_FLAG... -- TARGET...: runs them, also those whose result is known, and adds their cases to the
# counts. A target that does not build, crashes or times out counts as at least one failure.
run_tests() {
  local flags=() filter='' label path events started cases bad log
  while [ "$1" != -- ]; do
    case $1 in --test_tag_filters=*) filter=${1#*=} ;; esac
    flags+=("$1"); shift
  done
  shift
  # Built first: a test that shares its core with a compiler waits in vain for what should take moments.
  # (The linker's hundred lines about each sanitizer's symbols would hide what matters.)
  bazel build --keep_going --noshow_progress --build_tests_only "${flags[@]}" -- "$@" \
    2> >(grep -v 'warning: Cannot export local symbol' >&2)
  events=$(mktemp)
  started=$(mktemp)
  bazel test --keep_going --noshow_progress --build_tests_only --nocache_test_results \
    --build_event_json_file="$events" "${flags[@]}" -- "$@"
  log=$(bazel info "${flags[@]}" bazel-testlogs 2>/dev/null)
  while read -r label; do
    path=${label#//}
    path=$log/${path/://}
    if grep -F '"testSummary":{"label":"'"$label"'"' "$events" | grep -q '"overallStatus":"PASSED"' ||
       grep -F '"id":{"testSummary"' "$events" | grep -F "\"$label\"" | grep -q '"overallStatus":"PASSED"'; then
      cases=$(junit_count "$path" tests)
      [ "$cases" = 0 ] && cases=1
      passed=$((passed + cases))
    else
      note_failure "$label" "$path"
      cases=$(junit_count "$path" tests)
      bad=$(($(junit_count "$path" failures) + $(junit_count "$path" errors)))
      if [ "$bad" -gt 0 ] && [ "$cases" -ge "$bad" ]; then
        passed=$((passed + cases - bad)); failed=$((failed + bad))
      else
        failed=$((failed + 1))
      fi
    fi
  done < <(list_tests "$filter" "$@")
  rm -f "$events" "$started"
}

# add_result_line "N passed, N failed": adds a program's own counts; anything else counts as a failure.
add_result_line() {
  if [[ $1 =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2]))
  else
    note_failure "no result line where one was due: '$1'"
    failed=$((failed + 1))
  fi
}

# add_check NAME COMMAND...: one more case, passed if the command succeeds.
add_check() {
  local name=$1
  shift
  echo "== $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    note_failure "$name"
    failed=$((failed + 1))
  fi
}

# Prints what failed and the closing line; success only if something passed and nothing failed.
finish() {
  if [ "$outermost" = 1 ]; then
    cat "$MESHWARDEN_FAILURES"
    rm -f "$MESHWARDEN_FAILURES"
  fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
