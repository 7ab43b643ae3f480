using ZImage.Tensors;

namespace ZImage.Backends;

/// <summary>
/// The whole operator surface: everything that the models compute, as about 25 fused operators. Model code knows this interface and
/// <see cref="Tensor"/>, and nothing below them.
/// </summary>
/// <remarks>
/// Activations have type <see cref="ActivationType"/> unless an operator says otherwise; statistics and accumulation are float32 or wider.
/// Operators may run asynchronously in the order of their calls; <see cref="Download"/> and <see cref="Synchronize"/> wait.
/// Outputs do not overlap inputs unless an operator allows it. Shapes, types and strides are checked:
/// every operator throws <see cref="ArgumentException"/> with the shapes in the message when they do not fit.
/// A backend serves one thread at a time.
/// </remarks>
public interface IBackend : IDisposable
{
    /// <summary>Short name: <c>cpu</c> or <c>cuda</c>.</summary>
    string Name { get; }

    /// <summary>The device for messages and metadata: <c>cpu</c>, or such as <c>cuda:0 (NVIDIA H200)</c>.</summary>
    string DeviceName => Name;

    /// <summary>
    /// Whether operators may still be under way when their call returns. On such a backend memory is dear to take and to give back, so what a run
    /// needed stays for the next one while there is room.
    /// </summary>
    bool IsAsynchronous { get; }

    /// <summary>Type of activations: F32 on the processor.</summary>
    DType ActivationType { get; }

    /// <summary>Allocates device memory with undefined contents.</summary>
    /// <exception cref="ZImageException">Not enough memory.</exception>
    TensorStorage Allocate(long bytes);

    /// <summary>Bytes of memory that the device has free now.</summary>
    long FreeBytes { get; }

    /// <summary>Starts a new owner of weights: everything placed until the next call belongs to the returned object, which frees it when disposed.</summary>
    IDisposable BeginPlacement();

    /// <summary>Places a small weight (norm, bias, pad token) on the device as F32 of the same shape.</summary>
    /// <param name="host">Host tensor in F32, F16 or BF16.</param>
    Tensor PlaceVector(Tensor host);

    /// <summary>Places a table of rows (token embedding) on the device in its stored type.</summary>
    /// <param name="host">Host matrix [rows, width] in F32, F16 or BF16.</param>
    Tensor PlaceTable(Tensor host);

    /// <summary>Places the weight of a linear layer on the device in its stored type.</summary>
    /// <param name="parts">Host matrices [out_i, in], stacked along the output features.</param>
    /// <param name="bias">Host vector [Σ out_i], or the empty tensor.</param>
    LinearWeight PlaceLinear(ReadOnlySpan<Tensor> parts, Tensor bias = default);

    /// <summary>Places the weight of a convolution on the device in its stored type, re-ordered to [out, kernel, kernel, in].</summary>
    /// <param name="weight">Host tensor [out, in, kernel, kernel]; kernel 1 or 3.</param>
    /// <param name="bias">Host vector [out].</param>
    ConvWeight PlaceConv(Tensor weight, Tensor bias);

    /// <summary>Copies host floats into a dense device tensor of any weight type, rounding to nearest even.</summary>
    void Upload(ReadOnlySpan<float> source, Tensor destination);

    /// <summary>Waits for the device and copies a tensor (rows may have gaps) to host floats.</summary>
    void Download(Tensor source, Span<float> destination);

    /// <summary>Waits until everything asked for is done.</summary>
    void Synchronize();

    /// <summary>Whether every element is finite. Waits for the device.</summary>
    bool IsFinite(Tensor x);

    /// <summary>
    /// Work that runs again and again on the same tensors. The first replay calls it; later ones may replay a recording of the operators that it
    /// called, so it must call operators only, the same ones with the same arguments each time, and none that waits for the device.
    /// </summary>
    IRecordedWork Record(Action work);

    /// <summary>
    /// Calls work whose operators check their arguments and do nothing more, so that its requests for memory can be seen before there is any:
    /// the tensors' addresses are not touched.
    /// </summary>
    /// <returns>False, with nothing called, where a backend cannot do that.</returns>
    bool TryRehearse(Action work) => false;

    /// <summary>
    /// Marks a point in the order of the operators and waits until the point marked by the call before has been passed, so that the host
    /// is never more than one point ahead of the device.
    /// </summary>
    /// <returns>Points not passed yet: 0 where operators have finished when their call returns, else 1.</returns>
    int Pace();

    /// <summary>Opens a named range for profilers; ranges nest. Costs nothing without a profiler.</summary>
    void BeginRange(string name)
    {
    }

    /// <summary>Closes the range opened last.</summary>
    void EndRange()
    {
    }

    // ---- Linear algebra

    /// <summary>y = x·Wᵀ + b.</summary>
    /// <param name="x">[rows, in], rows may have gaps.</param>
    /// <param name="weight">[out, in] in its stored type, optional bias.</param>
    /// <param name="y">[rows, out], dense.</param>
    void Linear(Tensor x, LinearWeight weight, Tensor y);

    /// <summary>
    /// y = softmax(q·kᵀ / sqrt(head_dim))·v for each head and each batch item; key head h serves query heads h·(Heads/KeyHeads) and on.
    /// </summary>
    /// <param name="q">[query rows, Heads·HeadDim], rows may have gaps.</param>
    /// <param name="k">[key rows, KeyHeads·HeadDim], rows may have gaps.</param>
    /// <param name="v">As <paramref name="k"/>.</param>
    /// <param name="y">[query rows, Heads·HeadDim], dense; rows outside every span are left alone.</param>
    /// <param name="heads">The heads.</param>
    /// <param name="spans">The batch items.</param>
    void Attention(Tensor q, Tensor k, Tensor v, Tensor y, AttentionHeads heads, ReadOnlySpan<AttentionSpan> spans);

    /// <summary>Convolution in channels-last layout, y = conv(x) + b (+ residual).</summary>
    /// <param name="x">[n, h, w, in], dense.</param>
    /// <param name="weight">[out, kernel, kernel, in] and bias; kernel 1 or 3 (3 where the mode resizes).</param>
    /// <param name="mode">Stride, padding and enlargement. <see cref="ConvMode.Downsample2"/> needs even h and w.</param>
    /// <param name="residual">Added to the result, shape of <paramref name="y"/>; may be <paramref name="y"/>; or the empty tensor.</param>
    /// <param name="y">[n, h', w', out], dense.</param>
    void Conv2d(Tensor x, ConvWeight weight, ConvMode mode, Tensor residual, Tensor y);

    // ---- Norms

    /// <summary>y = x · rsqrt(mean(x²) + eps) · weight (· scale), over rows.</summary>
    /// <param name="x">[rows, width].</param>
    /// <param name="weight">[width] F32.</param>
    /// <param name="scale">[width] or [1, width] F32 modulation, or the empty tensor.</param>
    /// <param name="eps">Added to the mean square.</param>
    /// <param name="y">[rows, width]; may be <paramref name="x"/>.</param>
    void RmsNorm(Tensor x, Tensor weight, Tensor scale, float eps, Tensor y);

    /// <summary>
    /// The row operator between two layers: x += gate · norm(y), then optionally h = norm(x)·nextWeight·nextScale with
    /// norm(z) = z · rsqrt(mean(z²) + eps).
    /// </summary>
    /// <param name="x">[rows, width] residual stream, updated in place.</param>
    /// <param name="y">[rows, width] what the layer gave.</param>
    /// <param name="weight">[width] F32: y is normalised and multiplied by it; empty: y is added as it is.</param>
    /// <param name="gate">[width] F32, or empty for 1.</param>
    /// <param name="nextWeight">[width] F32, or empty when <paramref name="h"/> is not wanted.</param>
    /// <param name="nextScale">[width] F32, or empty for 1.</param>
    /// <param name="eps">Added to the mean square of both norms.</param>
    /// <param name="h">[rows, width] or empty; may be <paramref name="y"/>.</param>
    void ResidualNorm(Tensor x, Tensor y, Tensor weight, Tensor gate, Tensor nextWeight, Tensor nextScale, float eps, Tensor h);

    /// <summary>y = (x - mean(x)) · rsqrt(var(x) + eps) · scale, over rows; var is the biased variance.</summary>
    /// <param name="x">[rows, width].</param>
    /// <param name="scale">[width] F32.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="y">[rows, width]; may be <paramref name="x"/>.</param>
    void LayerNorm(Tensor x, Tensor scale, float eps, Tensor y);

    /// <summary>Group normalisation over space and a group's channels, per picture, then an optional SiLU.</summary>
    /// <param name="x">[n, h, w, channels], dense.</param>
    /// <param name="weight">[channels] F32.</param>
    /// <param name="bias">[channels] F32.</param>
    /// <param name="groups">Number of groups; divides the channels.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="silu">Whether y = z·sigmoid(z) follows.</param>
    /// <param name="y">As <paramref name="x"/>; may be <paramref name="x"/>.</param>
    void GroupNorm(Tensor x, Tensor weight, Tensor bias, int groups, float eps, bool silu, Tensor y);

    /// <summary>In place, for each head of each row of queries and keys: RMSNorm over the head (where a weight is given), then rotary embedding.</summary>
    /// <param name="q">[query rows, heads·headDim], rows may have gaps; no more rows than <paramref name="k"/>, of which they are the first.</param>
    /// <param name="k">[rows, key heads·headDim], rows may have gaps.</param>
    /// <param name="qWeight">[headDim] F32 for the queries, or empty for no norm.</param>
    /// <param name="kWeight">The same for the keys.</param>
    /// <param name="cos">[rows, headDim / 2] F32.</param>
    /// <param name="sin">[rows, headDim / 2] F32.</param>
    /// <param name="layout">Which elements turn together: (a, b) becomes (a·cos - b·sin, a·sin + b·cos).</param>
    /// <param name="eps">Added to the mean square.</param>
    void HeadNormRope(Tensor q, Tensor k, Tensor qWeight, Tensor kWeight, Tensor cos, Tensor sin, RopeLayout layout, float eps);

    // ---- Elementwise

    /// <summary>y = silu(gate) · up with [gate, up] the two halves of each row; silu(z) = z·sigmoid(z).</summary>
    /// <param name="gateUp">[rows, 2·width].</param>
    /// <param name="y">[rows, width].</param>
    void SwiGlu(Tensor gateUp, Tensor y);

    /// <summary>y = x·sigmoid(x).</summary>
    /// <param name="x">Any shape, dense.</param>
    /// <param name="y">As <paramref name="x"/>; may be <paramref name="x"/>.</param>
    void Silu(Tensor x, Tensor y);

    /// <summary>x += y.</summary>
    /// <param name="x">Any shape, dense.</param>
    /// <param name="y">As <paramref name="x"/>.</param>
    void Add(Tensor x, Tensor y);

    /// <summary>Turns raw modulations into factors, as F32: of each row's chunks of <paramref name="width"/>, the even ones (scales) become 1 + z, the odd ones (gates) tanh(z).</summary>
    /// <param name="x">[rows, chunks·width] as the modulation's linear layer gave it.</param>
    /// <param name="width">Width of a chunk; divides the row.</param>
    /// <param name="y">[rows, chunks·width] F32; may be <paramref name="x"/> where that is F32.</param>
    void Modulation(Tensor x, int width, Tensor y);

    // ---- Data movement and embeddings

    /// <summary>y[i] = table[ids[i]].</summary>
    /// <param name="table">[rows, width] in its stored type.</param>
    /// <param name="ids">Row numbers, each in range.</param>
    /// <param name="y">[ids, width].</param>
    void Gather(Tensor table, ReadOnlySpan<int> ids, Tensor y);

    /// <summary>Sinusoid of a time: y[i] = [cos(a_0..), sin(a_0..)], a_j = times[i]·exp(-ln(10000)·j/half), half = width / 2; an odd last element is 0.</summary>
    /// <param name="times">One time per row, already multiplied by the model's t_scale.</param>
    /// <param name="y">[times, width].</param>
    void TimestepEmbedding(ReadOnlySpan<float> times, Tensor y);

    /// <summary>Cuts latents into tokens: row (r, c) of item i holds its patch in the order (row in patch, column in patch, channel), channel fastest.</summary>
    /// <param name="latents">[n, channels, h, w] F32.</param>
    /// <param name="patch">Patch height and width; divides h and w.</param>
    /// <param name="rowsPerItem">Distance between the first rows of consecutive items, at least (h/patch)·(w/patch); the rows between are set to 0.</param>
    /// <param name="tokens">[n·rowsPerItem, patch²·channels].</param>
    void Patchify(Tensor latents, int patch, int rowsPerItem, Tensor tokens);

    /// <summary>The inverse of <see cref="Patchify"/> for one item: reads the first (h/patch)·(w/patch) rows.</summary>
    /// <param name="tokens">[rows, patch²·channels].</param>
    /// <param name="patch">Patch height and width.</param>
    /// <param name="latent">[channels, h, w] F32.</param>
    void Unpatchify(Tensor tokens, int patch, Tensor latent);

    /// <summary>Copies rows; element types may differ.</summary>
    /// <param name="source">[rows, width], rows may have gaps.</param>
    /// <param name="destination">[rows, width], rows may have gaps.</param>
    void CopyRows(Tensor source, Tensor destination);

    /// <summary>Sets every row of <paramref name="destination"/> to <paramref name="row"/>.</summary>
    /// <param name="row">[width] or [1, width] F32.</param>
    /// <param name="destination">[rows, width], rows may have gaps.</param>
    void FillRows(Tensor row, Tensor destination);

    // ---- Sampling (all F32)

    /// <summary>One Euler step against the predicted velocity: latents += (sigmaNext - sigma)·(-prediction).</summary>
    /// <param name="latents">Any shape F32, updated.</param>
    /// <param name="prediction">As <paramref name="latents"/>: what the transformer gave.</param>
    /// <param name="sigma">Noise level now.</param>
    /// <param name="sigmaNext">Noise level after the step.</param>
    void EulerStep(Tensor latents, Tensor prediction, float sigma, float sigmaNext);

    /// <summary>
    /// Classifier-free guidance of one item, in place: p = positive + scale·(positive - negative); where normalization is above 0 and
    /// |p| exceeds normalization·|positive|, p is shrunk to that norm.
    /// </summary>
    /// <param name="positive">Any shape F32; becomes p.</param>
    /// <param name="negative">As <paramref name="positive"/>.</param>
    /// <param name="scale">Guidance scale.</param>
    /// <param name="normalization">Bound on the norm as a multiple; 0 for none.</param>
    void Guidance(Tensor positive, Tensor negative, float scale, float normalization);

    /// <summary>y = a·x + b·y.</summary>
    /// <param name="a">Factor of x.</param>
    /// <param name="x">Any shape F32, dense.</param>
    /// <param name="b">Factor of y.</param>
    /// <param name="y">As <paramref name="x"/>, updated.</param>
    void Blend(float a, Tensor x, float b, Tensor y);

    // ---- Pictures

    /// <summary>y = x·scale + shift, from [n, c, h, w] F32 latents to channels-last [n, h, w, c] activations.</summary>
    void LatentsToChannelsLast(Tensor x, float scale, float shift, Tensor y);

    /// <summary>y = (x + shift)·scale, from the first c channels of [n, h, w, c'] activations to [n, c, h, w] F32; c' ≥ c.</summary>
    void ChannelsLastToLatents(Tensor x, float shift, float scale, Tensor y);

    /// <summary>Pixels: clamp(x/2 + 0.5, 0, 1)·255 rounded to nearest even. Waits for the device.</summary>
    /// <param name="x">[h, w, 3] activations in -1..1.</param>
    /// <param name="rgb">[h, w, 3] bytes.</param>
    void ToRgb8(Tensor x, Span<byte> rgb);

    /// <summary>Activations 2·(byte/255) - 1 from pixels.</summary>
    /// <param name="rgb">[h, w, 3] bytes.</param>
    /// <param name="y">[h, w, 3].</param>
    void FromRgb8(ReadOnlySpan<byte> rgb, Tensor y);
}
