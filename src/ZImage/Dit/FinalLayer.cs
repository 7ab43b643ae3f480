using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Dit;

/// <summary>Tokens to patches: Linear(LayerNorm(x) · (1 + Linear(SiLU(temb)))), the norm without affine part, eps 1e-6.</summary>
internal sealed class FinalLayer
{
    private const float NormEps = 1e-6f;

    private readonly ZImageTransformerConfig config;
    private readonly IBackend backend;
    private readonly LinearWeight adaLNModulation;
    private readonly LinearWeight linear;

    public FinalLayer(string name, ZImageTransformerConfig config, WeightLoader weights, IBackend backend)
    {
        this.config = config;
        this.backend = backend;
        adaLNModulation = weights.Linear(name + ".adaLN_modulation.1", config.Dim, config.AdaLnDim, bias: true);
        linear = weights.Linear(name + ".linear", config.PatchDim, config.Dim, bias: true);
    }

    /// <summary>The scales of every step: [steps, dim] F32.</summary>
    public Tensor Scales(Tensor temb, Workspace memory)
    {
        int steps = temb.Shape[0];
        Tensor activated = memory.Rent(temb.DType, steps, temb.Shape[1]);
        Tensor raw = memory.Rent(temb.DType, steps, config.Dim);
        Tensor scales = memory.Rent(DType.F32, steps, config.Dim);
        backend.Silu(temb, activated);
        backend.Linear(activated, adaLNModulation, raw);
        backend.Modulation(raw, config.Dim, scales);
        memory.Return(activated);
        memory.Return(raw);
        return scales;
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[rows, dim].</param>
    /// <param name="scale">[1, dim] F32 of this step.</param>
    /// <param name="scratch">[rows, dim].</param>
    /// <param name="y">[rows, patch²·channels].</param>
    public void Forward(Tensor x, Tensor scale, Tensor scratch, Tensor y)
    {
        using BackendRange range = backend.Range("all_final_layer");
        backend.LayerNorm(x, scale, NormEps, scratch);
        backend.Linear(scratch, linear, y);
    }
}
