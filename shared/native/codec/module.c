/* pianola.codec._native: the functions of native.h for Python, within the stable ABI of Python 3.11. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "native.h"

/* New bytes objects, one a column, and their contents to write to; NULL with MemoryError set. */
static PyObject *columns(const Py_ssize_t *sizes, void **contents, Py_ssize_t count)
{
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple && i < count; i++) {
        PyObject *column = PyBytes_FromStringAndSize(NULL, sizes[i]);
        if (!column || PyTuple_SetItem(tuple, i, column) < 0) {
            Py_CLEAR(tuple);
            break;
        }
        contents[i] = PyBytes_AsString(column);
    }
    return tuple;
}

/* The elements of a buffer of `width` bytes each; -1 with ValueError set where it does not hold whole, aligned ones. */
static Py_ssize_t elements(const Py_buffer *buffer, Py_ssize_t width)
{
    if (buffer->len % width || (uintptr_t)buffer->buf % (uintptr_t)width) {
        PyErr_Format(PyExc_ValueError, "a buffer of %zd bytes does not hold aligned elements of %zd", buffer->len, width);
        return -1;
    }
    return buffer->len / width;
}

static Outcome read_tracks(const Py_buffer *data, const Py_buffer *ranges, Counts *counts, const Events *out)
{
    const int64_t *range = ranges->buf;
    Py_ssize_t tracks = ranges->len / (2 * (Py_ssize_t)sizeof *range);
    *counts = (Counts){0};
    for (Py_ssize_t track = 0; track < tracks; track++) {
        int64_t start = range[2 * track], stop = range[2 * track + 1];
        if (start < 0 || stop < start || stop > data->len)
            return REFUSED;
        Outcome outcome = read_track(data->buf, start, stop, track, counts, out);
        if (outcome != DONE)
            return outcome;
    }
    return DONE;
}

static PyObject *read_counted(const Py_buffer *data, const Py_buffer *ranges, Py_ssize_t most_notes)
{
    enum { COLUMNS = 11 };
    Counts counts;
    if (elements(ranges, sizeof(int64_t)) < 0)
        return NULL;
    if (read_tracks(data, ranges, &counts, NULL) != DONE || counts.strikes > most_notes)
        Py_RETURN_NONE;
    Py_ssize_t words = (Py_ssize_t)(counts.messages * 8), bytes = (Py_ssize_t)counts.messages;
    Py_ssize_t tempos = (Py_ssize_t)counts.tempos * 8, metres = (Py_ssize_t)counts.metres;
    Py_ssize_t sizes[COLUMNS] = {words, words, words, bytes, bytes, bytes, bytes, tempos, tempos, metres * 8, metres * 2};
    void *to[COLUMNS];
    PyObject *tuple = columns(sizes, to, COLUMNS);
    if (!tuple)
        return NULL;
    Events out = {to[0], to[1], to[2], to[3], to[4], to[5], to[6], to[7], to[8], to[9], to[10]};
    read_tracks(data, ranges, &counts, &out);
    return Py_BuildValue("(NLL)", tuple, (long long)counts.unended, (long long)counts.early);
}

static PyObject *read_events(PyObject *module, PyObject *arguments)
{
    Py_buffer data, ranges;
    Py_ssize_t most_notes;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*y*n", &data, &ranges, &most_notes))
        return NULL;
    PyObject *result = read_counted(&data, &ranges, most_notes);
    PyBuffer_Release(&data);
    PyBuffer_Release(&ranges);
    return result;
}

enum { MESSAGE_COLUMNS = 6 };

/* The windows of a roll, its onsets' steps, and with `runs` the runs of each window, with `velocity` theirs. */
static PyObject *drawn(const Roll *roll, const Rules *rules, int runs, int velocity)
{
    Py_ssize_t windows = (Py_ssize_t)roll->windows;
    Py_ssize_t sizes[] = {windows * SIDE * PACKED, (Py_ssize_t)roll->onsets * 4, runs || velocity ? windows * 4 : 0};
    void *to[3];
    PyObject *tuple = columns(sizes, to, 3);
    if (!tuple)
        return NULL;
    cut_windows(roll, rules->hop, to[0]);
    for (int64_t i = 0; i < roll->onsets; i++)
        ((int32_t *)to[1])[i] = (int32_t)(roll->spans[i].place % roll->stride);
    int64_t count = runs || velocity ? count_runs(to[0], windows, to[2]) : 0;
    PyObject *values = PyBytes_FromStringAndSize(NULL, velocity ? (Py_ssize_t)count : 0);
    if (values && velocity && run_velocities(roll, to[0], rules->hop, (uint8_t *)PyBytes_AsString(values), count) != DONE) {
        PyErr_SetString(PyExc_SystemError, "the runs of the windows and of the roll differ");
        Py_CLEAR(values);
    }
    if (!values) {
        Py_DECREF(tuple);
        return NULL;
    }
    return Py_BuildValue("(NN(LLLLLLLLL))", tuple, values, (long long)roll->notes, (long long)roll->total,
                         (long long)roll->percussion, (long long)roll->outside_rows, (long long)roll->vanished,
                         (long long)roll->partial_window, (long long)roll->note_offs, (long long)roll->never_closed,
                         (long long)roll->struck_again);
}

static PyObject *draw_messages(const Py_buffer *column, const Rules *rules, int runs, int velocity)
{
    static const Py_ssize_t widths[MESSAGE_COLUMNS] = {8, 8, 1, 1, 1, 1};
    Py_ssize_t length = elements(column, widths[0]);
    for (int i = 0; i < MESSAGE_COLUMNS; i++) {
        Py_ssize_t found = elements(column + i, widths[i]);
        if (found < 0)
            return NULL;
        if (found != length) {
            PyErr_SetString(PyExc_ValueError, "the messages' columns are not of one length");
            return NULL;
        }
    }
    Messages messages = {column[0].buf, column[1].buf, column[2].buf, column[3].buf, column[4].buf, column[5].buf,
                         (size_t)length};
    Roll roll;
    PyObject *result = NULL;
    switch (draw_roll(&messages, rules, &roll)) {
    case DONE:
        result = drawn(&roll, rules, runs, velocity);
        break;
    case REFUSED:
        result = Py_NewRef(Py_None);
        break;
    case NO_MEMORY:
        PyErr_NoMemory();
        break;
    }
    free_roll(&roll);
    return result;
}

static PyObject *draw_windows(PyObject *module, PyObject *arguments)
{
    Py_buffer column[MESSAGE_COLUMNS];
    long long ticks_per_quarter, most_steps;
    int delta, by_track, lowest_pitch, shortest, gap, drop, percussion, hop, runs, velocity;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "(y*y*y*y*y*y*)LLppiipppipp", column, column + 1, column + 2, column + 3,
                          column + 4, column + 5, &ticks_per_quarter, &most_steps, &delta, &by_track, &lowest_pitch,
                          &shortest, &gap, &drop, &percussion, &hop, &runs, &velocity))
        return NULL;
    PyObject *result = NULL;
    if (lowest_pitch < 0 || lowest_pitch > 128 - SIDE || shortest < 0 || shortest > 1 || hop < 1 || hop > SIDE)
        PyErr_SetString(PyExc_ValueError, "no such codec options");
    else {
        Rules rules = {ticks_per_quarter, most_steps, delta, by_track, lowest_pitch, shortest, gap, drop, percussion, hop};
        result = draw_messages(column, &rules, runs, velocity);
    }
    for (int i = 0; i < MESSAGE_COLUMNS; i++)
        PyBuffer_Release(column + i);
    return result;
}

/* How many packed windows a buffer holds; -1 with ValueError set where it does not hold whole ones. */
static Py_ssize_t windows_in(const Py_buffer *lit)
{
    if (lit->len % (SIDE * PACKED)) {
        PyErr_Format(PyExc_ValueError, "%zd bytes are not packed windows", lit->len);
        return -1;
    }
    return lit->len / (SIDE * PACKED);
}

static PyObject *runs_of(const Py_buffer *lit)
{
    enum { COLUMNS = 4 };
    Py_ssize_t windows = windows_in(lit);
    if (windows < 0)
        return NULL;
    Py_ssize_t words = (Py_ssize_t)count_runs(lit->buf, windows, NULL) * 8;
    Py_ssize_t sizes[COLUMNS] = {words, words, words, words};
    void *to[COLUMNS];
    PyObject *tuple = columns(sizes, to, COLUMNS);
    if (tuple)
        find_runs(lit->buf, windows, &(Runs){to[0], to[1], to[2], to[3]});
    return tuple;
}

static PyObject *runs_of_windows(PyObject *module, PyObject *lit)
{
    Py_buffer buffer;
    (void)module;
    if (PyObject_GetBuffer(lit, &buffer, PyBUF_SIMPLE) < 0)
        return NULL;
    PyObject *result = runs_of(&buffer);
    PyBuffer_Release(&buffer);
    return result;
}

static PyObject *tally_of(const Py_buffer *lit, const Py_buffer *start)
{
    Py_ssize_t windows = windows_in(lit), starts = elements(start, sizeof(int32_t));
    if (windows < 0 || starts < 0)
        return NULL;
    if (windows != starts) {
        PyErr_Format(PyExc_ValueError, "%zd windows have %zd first steps", windows, starts);
        return NULL;
    }
    Tally tally = {0};
    tally_windows(lit->buf, start->buf, windows, &tally);
    return PyBytes_FromStringAndSize((const char *)&tally, sizeof tally);
}

static PyObject *tally_of_windows(PyObject *module, PyObject *arguments)
{
    Py_buffer lit, start;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*y*", &lit, &start))
        return NULL;
    PyObject *result = tally_of(&lit, &start);
    PyBuffer_Release(&lit);
    PyBuffer_Release(&start);
    return result;
}

static PyMethodDef methods[] = {
    {"read", read_events, METH_VARARGS, "The note messages, tempos and time signatures of tracks; None where one is faulty."},
    {"draw", draw_windows, METH_VARARGS, "Windows of note messages, packed, and what was counted; None where they are too long."},
    {"runs", runs_of_windows, METH_O, "Window, row, first step and length of every run of lit steps of packed windows."},
    {"tally", tally_of_windows, METH_VARARGS, "Counts of what packed windows show, for pianola.dataset.statistics."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_native", .m_doc = "The codec's compiled half.", .m_size = 0, .m_methods = methods};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
