/* pianola.models.notes._writer: the writer of writer.h for Python, within the stable ABI of Python 3.11. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "writer.h"

enum { MOST_OF_A_SIZE = 1 << 14, BUFFERS = 5 };

typedef struct {
    Sizes sizes;
    double reluctance, temperature;
    Py_ssize_t windows, columns;
} Task;

enum { WEIGHTS, POSITIONS, DICE_OF_WINDOWS, OPENING, WINDOWS };

static int in_order(const Task *task, const Py_buffer *buffers, size_t weights)
{
    static const char *names[BUFFERS] = {"weights", "positions", "dice", "opening", "windows"};
    static const size_t widths[BUFFERS] = {sizeof(float), sizeof(float), sizeof(double), 1, 1};
    size_t windows = (size_t)task->windows;
    size_t expected[BUFFERS] = {weights, windows * (size_t)task->sizes.latent, windows * DICE,
                                windows * SIDE * (size_t)task->columns, windows * SIDE * SIDE};
    for (int i = 0; i < BUFFERS; i++) {
        if ((size_t)buffers[i].len != expected[i] * widths[i] || (uintptr_t)buffers[i].buf % widths[i]) {
            PyErr_Format(PyExc_ValueError, "%s have %zd bytes, aligned to %zu; there should be %zu", names[i], buffers[i].len,
                         widths[i], expected[i] * widths[i]);
            return 0;
        }
    }
    return 1;
}

static void write_windows(Desk *desk, const Task *task, const Py_buffer *buffers)
{
    Order order = {.reluctance = task->reluctance, .temperature = task->temperature, .columns = (int)task->columns};
    for (Py_ssize_t i = 0; i < task->windows; i++) {
        order.z = (const float *)buffers[POSITIONS].buf + i * task->sizes.latent;
        order.dice = (double *)buffers[DICE_OF_WINDOWS].buf + i * DICE;
        order.given = (const uint8_t *)buffers[OPENING].buf + i * SIDE * task->columns;
        write_window(desk, &order, (uint8_t *)buffers[WINDOWS].buf + i * SIDE * SIDE);
    }
}

static PyObject *written(const Task *task, const Py_buffer *buffers)
{
    const Sizes *sizes = &task->sizes;
    int all[] = {sizes->latent, sizes->state, sizes->kernels, sizes->harmonies, sizes->registers};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] < 1 || all[i] > MOST_OF_A_SIZE)
            return PyErr_Format(PyExc_ValueError, "a decoder's sizes are 1..%d, not %d", MOST_OF_A_SIZE, all[i]);
    if (task->windows < 0 || task->windows > PY_SSIZE_T_MAX / (DICE * 8) || task->columns < 0 || task->columns > SIDE)
        return PyErr_Format(PyExc_ValueError, "%zd windows with %zd columns", task->windows, task->columns);
    Decoder decoder;
    if (!in_order(task, buffers, lay_out(sizes, buffers[WEIGHTS].buf, &decoder)))
        return NULL;
    Desk *desk = new_desk(&decoder);
    if (!desk)
        return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    write_windows(desk, task, buffers);
    Py_END_ALLOW_THREADS
    free_desk(desk);
    Py_RETURN_NONE;
}

static PyObject *write_notes(PyObject *module, PyObject *arguments)
{
    Task task;
    Py_buffer buffers[BUFFERS];
    Sizes *sizes = &task.sizes;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "(iiiii)y*y*ddw*y*nnw*", &sizes->latent, &sizes->state, &sizes->kernels,
                          &sizes->harmonies, &sizes->registers, &buffers[WEIGHTS], &buffers[POSITIONS], &task.reluctance,
                          &task.temperature, &buffers[DICE_OF_WINDOWS], &buffers[OPENING], &task.columns, &task.windows,
                          &buffers[WINDOWS]))
        return NULL;
    PyObject *result = written(&task, buffers);
    for (int i = 0; i < BUFFERS; i++)
        PyBuffer_Release(&buffers[i]);
    return result;
}

static PyMethodDef methods[] = {
    {"write", write_notes, METH_VARARGS, "Write windows into a buffer, and the dice of their opening into another."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_writer", .m_doc = "The compiled writer of notes.", .m_size = 0, .m_methods = methods};

PyMODINIT_FUNC PyInit__writer(void)
{
    return PyModuleDef_Init(&definition);
}
