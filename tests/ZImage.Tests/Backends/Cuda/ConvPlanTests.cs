using System.Runtime.CompilerServices;
using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cuda;
using ZImage.Tensors;

namespace ZImage.Tests.Backends.Cuda;

[TestFixture]
internal sealed class ConvPlanTests
{
    private static readonly ConvDevice s_h200 = new(90, 132, 232448);
    private static readonly ConvDevice s_rtx4090 = new(89, 128, 101376);

    [Test]
    public void Parameter_structs_have_the_sizes_that_the_kernels_assert()
    {
        Assert.That(Unsafe.SizeOf<Conv2dParams>(), Is.EqualTo(88));
        Assert.That(Unsafe.SizeOf<Conv2dSm90Params>(), Is.EqualTo(384));
        Assert.That(Unsafe.SizeOf<Conv2dFoldParams>(), Is.EqualTo(24));
        Assert.That(Unsafe.SizeOf<GroupNormParams>(), Is.EqualTo(88));
        Assert.That(Unsafe.SizeOf<ImageParams>(), Is.EqualTo(48));
    }

    [TestCase(512, 512, ConvKernel.Sm90N256)]
    [TestCase(512, 256, ConvKernel.Sm90N256)]
    [TestCase(128, 128, ConvKernel.Sm90N128)]
    [TestCase(128, 384, ConvKernel.Sm90N128)]
    [TestCase(16, 512, ConvKernel.Sm90N256)]
    [TestCase(512, 32, ConvKernel.Sm90N128)]
    [TestCase(128, 3, ConvKernel.Narrow)]
    [TestCase(3, 128, ConvKernel.Few)]
    [TestCase(3, 5, ConvKernel.DirectBf16)]
    [TestCase(64, 12, ConvKernel.DirectBf16)]
    public void Hopper_takes_the_kernel_that_fits_the_channels(int inputs, int outputs, ConvKernel expected) =>
        Assert.That(Choose(Square(64, inputs, outputs), s_h200), Is.EqualTo(expected));

    [Test]
    public void Other_devices_and_the_older_path_take_mma()
    {
        Assert.That(Choose(Square(64, 128, 128), s_rtx4090), Is.EqualTo(ConvKernel.Mma));
        Assert.That(Choose(Square(64, 128, 128), s_h200, ConvPath.Mma), Is.EqualTo(ConvKernel.Mma));
        Assert.That(Choose(Square(64, 128, 128), s_h200, ConvPath.Direct), Is.EqualTo(ConvKernel.DirectBf16));
    }

    [Test]
    public void Unaligned_operands_and_float32_take_the_direct_kernel()
    {
        Assert.That(ConvPlan.Choose(DType.BF16, Square(64, 128, 128), aligned: false, s_h200, ConvPath.Automatic), Is.EqualTo(ConvKernel.DirectBf16));
        Assert.That(ConvPlan.Choose(DType.F32, Square(64, 128, 128), aligned: true, s_h200, ConvPath.Automatic), Is.EqualTo(ConvKernel.DirectF32));
    }

    [Test]
    public void Enlargements_of_large_maps_are_folded_unless_asked_otherwise()
    {
        ConvShape large = Square(128, 512, 512) with { Mode = ConvMode.Upsample2 };
        ConvShape small = Square(16, 512, 512) with { Mode = ConvMode.Upsample2 };
        Assert.That(ConvPlan.Folds(ConvKernel.Sm90N256, large, ConvPath.Automatic), Is.True);
        Assert.That(ConvPlan.Folds(ConvKernel.Sm90N256, large, ConvPath.Unfolded), Is.False);
        Assert.That(ConvPlan.Folds(ConvKernel.Sm90N256, small, ConvPath.Automatic), Is.False);
        Assert.That(ConvPlan.Folds(ConvKernel.Sm90N256, large with { Mode = ConvMode.Same }, ConvPath.Automatic), Is.False);
        Assert.That(ConvPlan.Folds(ConvKernel.Mma, large, ConvPath.Automatic), Is.False);
    }

    [Test]
    public void Every_shape_finds_a_kernel_within_the_shared_memory(
        [Values(1, 3, 4, 8, 20, 64, 512)] int inputs, [Values(1, 3, 8, 12, 40, 128, 512)] int outputs, [Values] ConvMode mode, [Values(1, 3)] int kernel)
    {
        foreach (ConvDevice device in (ReadOnlySpan<ConvDevice>)[s_h200, s_rtx4090])
        {
            ConvShape shape = new(2, 6, 10, inputs, outputs, kernel, mode);
            ConvKernel choice = Choose(shape, device);
            Assert.That(ConvPlan.SharedBytes(choice), Is.LessThanOrEqualTo(device.MaxSharedBytes));
            Assert.That(choice is not ConvKernel.Few || shape.Depth * shape.OutChannels * 4 <= ConvPlan.SharedBytes(choice), Is.True);
            Assert.That(choice is ConvKernel.DirectBf16 or ConvKernel.Few || inputs % 8 == 0, Is.True, "the others copy 8 input channels at once");
            Assert.That(choice is ConvKernel.DirectBf16 or ConvKernel.Narrow || outputs % 8 == 0, Is.True, "the others store whole vectors");
            Assert.That(choice != ConvKernel.Narrow || (outputs <= 8 && kernel == 3 && mode == ConvMode.Same), Is.True);
        }
    }

    [Test]
    public void Too_many_outputs_are_refused_with_the_shape() =>
        Assert.That(() => Choose(new ConvShape(64, 8192, 8192, 8, 8, 3, ConvMode.Same), s_h200), Throws.ArgumentException.With.Message.Contains("8192"));

    [TestCase("", ConvPath.Automatic)]
    [TestCase("mma", ConvPath.Mma)]
    [TestCase("direct", ConvPath.Direct)]
    [TestCase("unfolded", ConvPath.Unfolded)]
    public void The_setting_names_a_path(string value, ConvPath expected) => Assert.That(ConvPlan.ParsePath(value), Is.EqualTo(expected));

    [Test]
    public void An_unknown_setting_is_refused() =>
        Assert.That(() => ConvPlan.ParsePath("fast"), Throws.InstanceOf<DeviceException>().With.Message.Contains("fast"));

    [Test]
    public void Group_norm_covers_every_pixel_once(
        [Values(1, 35, 4096, 16384, 1048576, 4194304)] int pixels, [Values(3, 20, 32, 128, 512, 1024)] int channels, [Values(DType.BF16, DType.F32)] DType type, [Values] bool aligned)
    {
        GroupNormPlan plan = GroupNormPlan.Create(type, pixels, channels, aligned, 132);
        Assert.That((long)plan.ChunkRows * plan.Chunks, Is.GreaterThanOrEqualTo(pixels));
        Assert.That((long)plan.ChunkRows * (plan.Chunks - 1), Is.LessThan(pixels));
        Assert.That((long)plan.ApplyRows * plan.ApplyBlocks, Is.GreaterThanOrEqualTo(pixels));
        Assert.That((long)plan.ApplyRows * (plan.ApplyBlocks - 1), Is.LessThan(pixels));

        // The statistics keep a mean and a sum of squares for each element of a row of threads.
        int vector = plan.Vectors ? 16 / type.SizeBytes() : 1;
        int columns = channels / vector;
        Assert.That(plan.Threads, Is.GreaterThanOrEqualTo(columns));
        Assert.That(plan.Threads / columns * channels * 8, Is.LessThanOrEqualTo(plan.SharedBytes));
    }

    [Test]
    public void Group_norm_over_too_many_channels_is_refused() =>
        Assert.That(() => GroupNormPlan.Create(DType.BF16, 64, 8200, aligned: true, 132), Throws.ArgumentException.With.Message.Contains("8200"));

    private static ConvShape Square(int side, int inputs, int outputs) => new(1, side, side, inputs, outputs, 3, ConvMode.Same);

    private static ConvKernel Choose(ConvShape shape, ConvDevice device, ConvPath path = ConvPath.Automatic) =>
        ConvPlan.Choose(DType.BF16, shape, aligned: true, device, path);
}
