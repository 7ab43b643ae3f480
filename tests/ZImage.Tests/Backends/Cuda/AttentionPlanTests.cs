using System.Runtime.CompilerServices;
using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cuda;
using ZImage.Tensors;

namespace ZImage.Tests.Backends.Cuda;

[TestFixture]
internal sealed class AttentionPlanTests
{
    private static readonly AttentionDevice s_h200 = new(90, 132, 232448);
    private static readonly AttentionDevice s_a100 = new(80, 108, 166912);
    private static readonly AttentionDevice s_rtx4090 = new(89, 128, 101376);
    private static readonly AttentionHeads s_transformer = new(30, 30, 128, Causal: false);
    private static readonly AttentionHeads s_text = new(32, 8, 128, Causal: true);
    private static readonly AttentionHeads s_picture = new(1, 1, 512, Causal: false);

    [Test]
    public void Parameter_structs_have_the_sizes_that_the_kernels_assert()
    {
        Assert.That(Unsafe.SizeOf<AttentionItem>(), Is.EqualTo(20));
        Assert.That(Unsafe.SizeOf<AttentionParams>(), Is.EqualTo(392));
        Assert.That(Unsafe.SizeOf<AttentionSm90Params>(), Is.EqualTo(2368));
    }

    [TestCase(4160, AttentionKernel.Sm90Rows192, Description = "660 tiles of 192 rows are five full waves")]
    [TestCase(800, AttentionKernel.Sm90Rows128, Description = "150 tiles of 192 rows would be two waves, the second almost idle; 210 of 128 are two shorter ones")]
    [TestCase(20, AttentionKernel.Sm90Rows128, Description = "one tile a head either way, and the smaller one computes fewer rows for nothing")]
    public void Hopper_picks_the_tile_by_its_last_wave(int rows, AttentionKernel expected) =>
        Assert.That(Choose(s_transformer, rows, s_h200), Is.EqualTo(expected));

    [Test]
    public void The_older_path_can_be_forced_on_Hopper() =>
        Assert.That(Choose(s_transformer, 4160, s_h200, AttentionPath.Mma), Is.EqualTo(AttentionKernel.Rows128Dim128));

    [Test]
    public void The_block_of_four_warps_is_taken_only_where_two_fit_and_it_compiles()
    {
        Assert.That(Choose(s_transformer, 4160, s_a100), Is.EqualTo(AttentionKernel.Rows128Dim128));
        Assert.That(Choose(s_transformer, 4160, s_rtx4090), Is.EqualTo(AttentionKernel.Rows128Dim128Warps8));
        Assert.That(Choose(s_transformer, 4160, new AttentionDevice(100, 148, 232448)), Is.EqualTo(AttentionKernel.Rows128Dim128Warps8));
    }

    [Test]
    public void Short_causal_prompts_take_small_tiles() =>
        Assert.That(Choose(s_text, 512, s_h200), Is.EqualTo(AttentionKernel.Rows64Dim128));

    [Test]
    public void The_wide_head_takes_the_largest_tile_that_fits_and_keeps_the_device_busy()
    {
        Assert.That(Choose(s_picture, 16384, s_h200), Is.EqualTo(AttentionKernel.WideRows64Keys64));
        Assert.That(Choose(s_picture, 4096, s_h200), Is.EqualTo(AttentionKernel.WideRows32Keys32));
        Assert.That(Choose(s_picture, 16384, s_a100), Is.EqualTo(AttentionKernel.WideRows64Keys32));
        Assert.That(Choose(s_picture, 16384, s_rtx4090), Is.EqualTo(AttentionKernel.WideRows32Keys32));
    }

    [Test]
    public void Every_head_dimension_finds_a_kernel_within_the_shared_memory(
        [Values(1, 8, 40, 64, 72, 128, 136, 256, 264, 512)] int headDim, [Values] bool causal, [Values] bool aligned, [Values(1, 77, 9999)] int rows)
    {
        foreach (AttentionDevice device in new[] { s_h200, s_a100, s_rtx4090, new(80, 10, 49152) })
        {
            AttentionHeads heads = new(2, 1, headDim, causal);
            AttentionKernel kernel = AttentionPlan.Choose(DType.BF16, heads, [new AttentionSpan(0, rows)], aligned, device, AttentionPath.Automatic);
            Assert.That(AttentionPlan.Launch(kernel).SharedBytes, Is.LessThanOrEqualTo(device.MaxSharedBytes));
            Assert.That(kernel, aligned ? Is.Not.EqualTo(AttentionKernel.SimpleF32) : Is.EqualTo(AttentionKernel.SimpleBf16));
        }
    }

    [Test]
    public void Float_activations_take_the_plain_kernel() =>
        Assert.That(AttentionPlan.Choose(DType.F32, s_transformer, [new AttentionSpan(0, 64)], true, s_h200, AttentionPath.Automatic), Is.EqualTo(AttentionKernel.SimpleF32));

    [Test]
    public void Heads_that_no_kernel_takes_are_refused_by_their_size() =>
        Assert.That(() => Choose(new AttentionHeads(1, 1, 520, Causal: false), 16, s_h200), Throws.ArgumentException.With.Message.Contains("520"));

    [Test]
    public void An_unknown_path_is_refused_with_the_known_ones() =>
        Assert.That(() => AttentionPlan.ParsePath("fast"), Throws.TypeOf<DeviceException>().With.Property(nameof(ZImageException.Hint)).Contains("mma"));

    private static AttentionKernel Choose(AttentionHeads heads, int rows, AttentionDevice device, AttentionPath path = AttentionPath.Automatic) =>
        AttentionPlan.Choose(DType.BF16, heads, [new AttentionSpan(0, rows)], aligned: true, device, path);
}
