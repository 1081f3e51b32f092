// One place that knows where Arb lives: FLINT 3 merged it under flint/, Arb 2.23 installs beside FLINT 2.9.
#pragma once

#if __has_include(<flint/arb.h>)
#include <flint/arb.h>
#include <flint/arb_hypgeom.h>
#include <flint/arb_mat.h>
#include <flint/arb_poly.h>
#else
#include <arb.h>
#include <arb_hypgeom.h>
#include <arb_mat.h>
#include <arb_poly.h>
#endif
