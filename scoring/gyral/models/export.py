"""Export: the one line that turns a torch net into an ONNX file Gyral takes; README shows the same."""

EXPORT = (
    "torch.onnx.export(net.eval(), (x,), 'model.onnx', dynamo=True, external_data=False, "
    "dynamic_shapes=({0: torch.export.Dim('batch')},))"
)
