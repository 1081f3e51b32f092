// A library as others build them: compiled and linked with -ffast-math. Some compilers add start-up code to it then that makes the thread which loads it flush subnormal numbers to zero, in
// whatever program that happens (GCC before 13, clang before 17).
double snellen_fast_sum(const double* x, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i];
  return sum;
}
