"""Export: the one line that turns a net into a file Gyral takes, framework by framework; docs/exporting.md has them whole."""

EXPORT = (
    "torch.onnx.export(net.eval(), (x,), 'model.onnx', dynamo=True, external_data=False, "
    "dynamic_shapes=({0: torch.export.Dim('batch')},))"
)
PAGE = "docs/exporting.md"

# Section of the page (its anchor) -> the line itself.
WAYS = {
    "pytorch": f"Export the model to ONNX: {EXPORT}",
    "safetensors": (
        "Convert it at home: `from safetensors.torch import save_file; "
        "save_file(torch.load('weights.pt', weights_only=True), 'model.safetensors')`; or export the model to ONNX"
    ),
    "transformers": "Save the original weights: model.save_pretrained(folder, max_shard_size='100GB')",
    "keras": "Export the model to ONNX: model.export('model.onnx', format='onnx')",
    "tensorflow": "Convert it to ONNX: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx",
    "tensorflow-lite": "Convert it to ONNX: python -m tf2onnx.convert --tflite FILE --output model.onnx",
    "jax-and-flax": "Convert it to ONNX by jax2tf.convert(apply, native_serialization=False) and tf2onnx.convert.from_function",
    "scikit-learn": "Convert it to ONNX: skl2onnx.to_onnx(estimator, X[:1].astype('float32'))",
    "matlab": "Export it to ONNX: exportONNXNetwork(net, 'model.onnx')",
    "paddlepaddle": "Convert it to ONNX: paddle2onnx --model_dir FOLDER --save_file model.onnx",
    "features": "Save each layer with numpy.save(file, array.astype('float32')), or let `gyral extract` write the folder",
    "one-file": f"Save everything in one file: {EXPORT}",
    "archives": "Pack the model folder as .zip, .tar or .tar.gz",
}


def way(section: str) -> str:
    """What to do instead, as a sentence that names its section of the page.

    >>> way("keras")
    "Export the model to ONNX: model.export('model.onnx', format='onnx'). See docs/exporting.md#keras."
    """
    return f"{WAYS[section]}. See {PAGE}#{section}."
