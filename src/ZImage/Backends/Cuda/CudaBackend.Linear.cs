using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    /// <remarks>x has the activation type; y has it too, or F32. Sums are float32; on a BF16 backend the bias is rounded to y's type before it is added.</remarks>
    public void Linear(Tensor x, LinearWeight weight, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (weight.Parts.Count != 1 || weight.Parts[0].Storage.IsHost || weight.Parts[0].DType != ActivationType)
        {
            throw new ArgumentException($"The weight {weight.Parts[0]} was not placed on {DeviceName} in {ActivationType}.", nameof(weight));
        }

        int rows = x.IsEmpty || x.Shape.Rank != 2 ? -1 : x.Shape[0];
        if (rows < 0 || x.DType != ActivationType || x.Shape[1] != weight.InFeatures || weight.InFeatures == 0)
        {
            throw new ArgumentException($"A linear layer [{weight.OutFeatures}, {weight.InFeatures}] cannot read {(x.IsEmpty ? "an empty tensor" : x)}.", nameof(x));
        }

        if (y.IsEmpty || (y.DType != ActivationType && y.DType != DType.F32) || !y.IsDense || y.Shape.Rank != 2 || y.Shape[0] != rows || y.Shape[1] != weight.OutFeatures)
        {
            throw new ArgumentException(
                $"A linear layer [{weight.OutFeatures}, {weight.InFeatures}] gives dense {ActivationType} [{rows}, {weight.OutFeatures}], not {(y.IsEmpty ? "an empty tensor" : y)}.",
                nameof(y));
        }

        if (rows == 0 || weight.OutFeatures == 0 || rehearsing)
        {
            return;
        }

        Prepare();
        nint w = weight.Parts[0].Address;
        nint bias = BiasOf(weight, y.DType);
        GemmShape shape = new(
            rows, weight.OutFeatures, weight.InFeatures,
            rows == 1 ? weight.InFeatures : x.RowStride, weight.OutFeatures, ActivationType, y.DType, bias != 0,
            GemmShape.AlignmentOf(x.Address), GemmShape.AlignmentOf(w), GemmShape.AlignmentOf(y.Address));
        Observer?.Before(shape.ToString());
        try
        {
            gemm.Run(shape, x.Address, w, bias, y.Address, mayMeasure: !recording);
        }
        catch (Exception exception) when (CudaErrors.IsNative(exception))
        {
            throw CudaErrors.Translate(exception, DeviceName, $"product {shape}");
        }

        Observer?.After(shape.ToString());
        CheckAfterLaunch("a matrix product");
    }

    private static nint BiasOf(LinearWeight weight, DType type)
    {
        if (weight.Bias.IsEmpty)
        {
            return 0;
        }

        return type == DType.F32
            ? weight.Bias.Address
            : weight.Bias.Storage is DeviceSlice { Rounded: not 0 } slice
                ? slice.Rounded
                : throw new ArgumentException($"The bias {weight.Bias} was not placed by this backend.", nameof(weight));
    }
}
