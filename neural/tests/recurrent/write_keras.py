"""Makes keras.json: small networks with random weights and what Keras computes of them.

Written for Keras 3 with any backend, such as `pip install keras jax` and `KERAS_BACKEND=jax python write_keras.py`. The networks take
sound and one knob, or sound alone; weights are written as Keras gives them, in the form that RTNeural's exporter has.
"""
import json
import numpy as np
import keras
from keras import layers

rng = np.random.default_rng(7)


def shaped(shape):
    return [None, *shape[1:]]


def entry(layer):
    kinds = {
        layers.LSTM: "lstm", layers.GRU: "gru", layers.Dense: "dense", layers.Conv1D: "conv1d", layers.Conv2D: "conv2d",
        layers.PReLU: "prelu", layers.BatchNormalization: "batchnorm",
    }
    found = {"type": kinds[type(layer)], "shape": shaped(layer.output.shape)}
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", "linear")
    found["activation"] = "" if name == "linear" else name
    if found["type"] == "conv1d":
        found.update(kernel_size=layer.kernel_size, dilation=layer.dilation_rate, groups=layer.groups)
    if found["type"] == "conv2d":
        found.update(
            kernel_size_time=layer.kernel_size[0], kernel_size_feature=layer.kernel_size[1], dilation=layer.dilation_rate[0],
            strides=layer.strides[1], num_filters_in=layer.input.shape[3], num_features_in=layer.input.shape[2],
            num_filters_out=layer.output.shape[3], padding=layer.padding)
    if found["type"] == "batchnorm":
        found["epsilon"] = layer.epsilon
        if len(layer.output.shape) == 4:
            found.update(type="batchnorm2d", num_filters_in=layer.input.shape[3], num_features_in=layer.input.shape[2])
    found["weights"] = [np.round(w.astype(np.float64), 6).tolist() for w in layer.get_weights()]
    return found


def case(name, inputs, stack):
    model = keras.Sequential([layers.Input(shape=inputs), *stack])
    for layer in model.layers:
        drawn = []
        for index, w in enumerate(layer.get_weights()):
            positive = isinstance(layer, layers.BatchNormalization) and index == len(layer.get_weights()) - 1
            w = rng.uniform(0.1 if positive else -0.9, 0.9, w.shape)
            drawn.append(np.round(w, 6))
        layer.set_weights(drawn)
    x = np.round(rng.uniform(-1, 1, (1, *inputs)), 6).astype(np.float32)
    knobs = x[0].reshape(inputs[0], -1)
    if knobs.shape[1] > 1:  # knobs are 0 to 1
        flat = x.reshape(1, inputs[0], -1)
        flat[:, :, 1:] = np.abs(flat[:, :, 1:])
        x = flat.reshape(x.shape)
    y = np.asarray(model(x)).reshape(inputs[0], -1)
    assert y.shape[1] == 1
    return {
        "name": name,
        "file": {"in_shape": [None, *inputs], "layers": [entry(layer) for layer in model.layers]},
        "input": [[round(float(v), 6) for v in row] for row in x.reshape(inputs[0], -1)],
        "output": [round(float(v), 8) for v in y[:, 0]],
    }


cases = [
    case("lstm", (24, 2), [layers.LSTM(3, return_sequences=True), layers.Dense(1)]),
    case("gru", (24, 2), [layers.GRU(3, return_sequences=True), layers.Dense(1)]),
    case("conv1d", (24, 1), [
        layers.Conv1D(4, 3, dilation_rate=2, padding="causal", activation="tanh"), layers.BatchNormalization(epsilon=0.01),
        layers.PReLU(shared_axes=[1]), layers.Conv1D(2, 2, groups=2, padding="causal", activation="elu"),
        layers.Dense(3, activation="softmax"), layers.Dense(2, activation="relu"), layers.Dense(1, activation="sigmoid")]),
]


def conv2d_case():
    """Frames before the first are silent, as in a stream: TensorFlow's paddings have no such, so zeros are played first."""
    before, frames = 4, 24
    found = None
    inputs = (before + frames, 3, 1)
    model_layers = [
        layers.Conv2D(2, (2, 2), strides=(1, 1), dilation_rate=1, padding="valid", activation="tanh"),
        layers.BatchNormalization(epsilon=0.01), layers.Conv2D(1, (1, 2), padding="valid")]
    model = keras.Sequential([layers.Input(shape=inputs), *model_layers])
    for layer in model.layers:
        drawn = []
        for index, w in enumerate(layer.get_weights()):
            positive = isinstance(layer, layers.BatchNormalization) and index == 3
            drawn.append(np.round(rng.uniform(0.1 if positive else -0.9, 0.9, w.shape), 6))
        layer.set_weights(drawn)
    x = np.round(np.abs(rng.uniform(-1, 1, (1, *inputs))), 6).astype(np.float32)
    x[:, :before] = 0
    y = np.asarray(model(x)).reshape(-1)[-frames:]
    found = {
        "name": "conv2d",
        "file": {"in_shape": [None, None, 3, 1], "layers": [entry(layer) for layer in model.layers]},
        "input": [[round(float(v), 6) for v in row] for row in x[0, before:, :, 0]],
        "output": [round(float(v), 8) for v in y],
    }
    return found


cases.append(conv2d_case())
with open("keras.json", "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
