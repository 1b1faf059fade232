import java.awt.BorderLayout;
import java.awt.GridLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import javax.swing.BorderFactory;
import javax.swing.DefaultListModel;
import javax.swing.JButton;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JList;
import javax.swing.JOptionPane;
import javax.swing.JPanel;
import javax.swing.JPasswordField;
import javax.swing.JScrollPane;
import javax.swing.JTextArea;
import javax.swing.JTextField;
import javax.swing.KeyStroke;
import javax.swing.SwingUtilities;
import javax.swing.WindowConstants;
import javax.swing.event.DocumentEvent;
import javax.swing.event.DocumentListener;
import javax.swing.text.JTextComponent;

/**
 * Has the windows of the Ignition Designer: log-in, list of projects, main window.
 *
 * <p>Arguments: the folder that it writes to, then what the launcher was given. In that folder
 * `count` holds the number of characters in the field that was changed last, `saved` the text that
 * was saved. The name is admin and the password pass-Wort_1@Anlage; a link leads to its project.
 */
public final class Standin {
    private static final String[] PROJECTS = {"Filling Line", "Packing", "Tank Farm"};
    private static final char[] PASSWORD = "pass-Wort_1@Anlage".toCharArray();

    /** Pixels around and between what a window holds. */
    private static final int GAP = 10;

    private final Path folder;
    private final String linked;

    private Standin(Path folder, String linked) {
        this.folder = folder;
        this.linked = linked;
    }

    public static void main(String[] arguments) {
        String project = null;
        if (arguments.length > 1 && arguments[1].startsWith("designer://")) {
            String path = java.net.URI.create(arguments[1]).getPath();
            project = path.substring(1);
        }
        Standin standin = new Standin(Path.of(arguments[0]), project);
        SwingUtilities.invokeLater(standin::showLogin);
    }

    private void showLogin() {
        JFrame frame = new JFrame("Login - Ignition");
        JTextField name = new JTextField("somebody else", 30);
        JPasswordField password = new JPasswordField(30);
        JLabel said = new JLabel(" ");
        JButton login = new JButton("Login");
        login.addActionListener(event -> {
            if (name.getText().equals("admin") && Arrays.equals(password.getPassword(), PASSWORD)) {
                frame.dispose();
                if (linked == null) {
                    showProjects();
                } else {
                    showProject(linked);
                }
            } else {
                said.setText("Unknown name or password");
            }
        });
        counted(name);
        counted(password);
        JPanel fields = new JPanel(new GridLayout(0, 2, GAP, GAP));
        fields.add(new JLabel("User name"));
        fields.add(name);
        fields.add(new JLabel("Password"));
        fields.add(password);
        fields.add(said);
        fields.add(login);
        frame.add(framed(fields));
        frame.getRootPane().setDefaultButton(login);
        frame.setDefaultCloseOperation(WindowConstants.EXIT_ON_CLOSE);
        show(frame, 420, 160);
    }

    private void showProjects() {
        JFrame frame = new JFrame("Ignition Designer - Open/Create Project");
        JTextField search = new JTextField();
        DefaultListModel<String> projects = new DefaultListModel<>();
        projects.addAll(Arrays.asList(PROJECTS));
        search.addActionListener(event -> {
            if (Arrays.asList(PROJECTS).contains(search.getText())) {
                frame.dispose();
                showProject(search.getText());
            }
        });
        counted(search);
        JPanel panel = new JPanel(new BorderLayout(GAP, GAP));
        panel.add(search, BorderLayout.NORTH);
        panel.add(new JScrollPane(new JList<>(projects)));
        frame.add(framed(panel));
        frame.setDefaultCloseOperation(WindowConstants.EXIT_ON_CLOSE);
        show(frame, 420, 300);
    }

    private void showProject(String project) {
        JFrame frame = new JFrame(project + " - Ignition Designer");
        JTextArea text = new JTextArea("A view of " + project);
        JLabel said = new JLabel("no changes");
        boolean[] saved = {true};
        counted(text);
        text.registerKeyboardAction(
                event -> {
                    write("saved", text.getText());
                    saved[0] = true;
                    said.setText("saved");
                },
                KeyStroke.getKeyStroke("control S"),
                JTextArea.WHEN_FOCUSED);
        text.registerKeyboardAction(
                event -> {
                    saved[0] = false;
                    said.setText("changed");
                },
                KeyStroke.getKeyStroke("F5"),
                JTextArea.WHEN_FOCUSED);
        JPanel panel = new JPanel(new BorderLayout(GAP, GAP));
        panel.add(new JScrollPane(text));
        panel.add(said, BorderLayout.SOUTH);
        frame.add(framed(panel));
        frame.setDefaultCloseOperation(WindowConstants.DO_NOTHING_ON_CLOSE);
        frame.addWindowListener(new java.awt.event.WindowAdapter() {
            @Override
            public void windowClosing(java.awt.event.WindowEvent event) {
                if (saved[0]) {
                    System.exit(0);
                }
                JOptionPane.showMessageDialog(
                        frame, "Save your changes?", "Save changes", JOptionPane.QUESTION_MESSAGE);
            }
        });
        show(frame, 640, 400);
    }

    private static JPanel framed(JPanel panel) {
        panel.setBorder(BorderFactory.createEmptyBorder(GAP, GAP, GAP, GAP));
        return panel;
    }

    private static void show(JFrame frame, int width, int height) {
        frame.setSize(width, height);
        frame.setLocationRelativeTo(null);
        frame.setVisible(true);
    }

    private void counted(JTextComponent field) {
        field.getDocument().addDocumentListener(new DocumentListener() {
            @Override
            public void insertUpdate(DocumentEvent event) {
                write("count", String.valueOf(event.getDocument().getLength()));
            }

            @Override
            public void removeUpdate(DocumentEvent event) {
                insertUpdate(event);
            }

            @Override
            public void changedUpdate(DocumentEvent event) {
                insertUpdate(event);
            }
        });
    }

    private void write(String name, String text) {
        try {
            Path part = folder.resolve(name + ".part");
            Files.writeString(part, text);
            Files.move(part, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }
}
